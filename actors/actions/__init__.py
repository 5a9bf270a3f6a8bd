"""The actions that tasks can call: their registry, and the core actions.

module with @action  --load-->  the process's table  <--  core.* (and StackStorm's core.* for Orquesta definitions)
                                        |
ref in a workflow  --ActionRegistry.get-->  Action  --check(input)-->  a runner (stretto.actors.runners)

Importing this package does not register the core actions. `stretto.actors.actions.core` does.
"""

from typing import TYPE_CHECKING

from stretto.definitions.lazy_face import lazy_face

if TYPE_CHECKING:
    from stretto.actors.actions.access_of_packs import (
        DEFAULT_INQUIRY_LIMITS,
        MAX_INQUIRY_BYTES,
        MAX_MADE_INQUIRIES,
        MAX_PROCESS_BYTES,
        MOST_INQUIRY_BYTES,
        ActionInquiries,
        AskingItem,
        GrantedKey,
        InquiryLimits,
        PackAccess,
        PackKeys,
        asking_item,
        max_process_bytes,
        pack_access,
        use_pack_access,
    )
    from stretto.actors.actions.core.addresses import AddressPolicy
    from stretto.actors.actions.core.http_settings import (
        MAX_HTTP_CONNECTIONS,
        HttpSettings,
        close_connections,
        use_http_settings,
    )
    from stretto.actors.actions.core.local import (
        NOT_STARTED,
        OUT_OF_REACH,
        describe_exit,
        inherited_environment,
        last_lines,
        variable_problem,
    )
    from stretto.actors.actions.core.networks import LINK_LOCAL_AND_METADATA
    from stretto.actors.actions.core.processes import Child
    from stretto.actors.actions.core.remote_limits import (
        DEFAULT_REMOTE_LIMITS,
        MAX_REMOTE_HOSTS,
        MAX_REMOTE_OUTPUT_BYTES,
        RemoteLimits,
        use_remote_limits,
    )
    from stretto.actors.actions.core.spawning import Command
    from stretto.actors.actions.core.stackstorm import (
        COMMAND_SECONDS,
        NO_PASSWORD_FOR_SUDO,
        python_result,
        shell_result,
        stackstorm_http,
        stackstorm_local,
        sudo_command,
    )
    from stretto.actors.actions.core.stackstorm_remote import (
        refuse_secrets,
        remote_script,
        stackstorm_remote,
    )
    from stretto.actors.actions.elsewhere import Code, OwnWorker
    from stretto.actors.actions.entry_points import load_entry_points
    from stretto.actors.actions.errors import (
        MAX_RETRY_AFTER_SECONDS,
        ActionFailed,
        CannotLoadActions,
        DuplicateAction,
        InvalidAction,
        InvalidActionInput,
        RemoteFailure,
        UnknownAction,
    )
    from stretto.actors.actions.filling import Fill, KeyRead, ReadKey
    from stretto.actors.actions.json_schema import input_schema, output_schema
    from stretto.actors.actions.loading import load_actions
    from stretto.actors.actions.output import WINDOW_BYTES, OutputSlot, OutputSoFar, OutputWatchers, output_slot
    from stretto.actors.actions.process_user import ProcessUser, as_user, find_user
    from stretto.actors.actions.registry import Action, ActionRegistry, RenderedCommands, Requested, action
    from stretto.actors.actions.schema import ANY, ActionParameter
    from stretto.actors.actions.tracebacks import frames_in, frames_of
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "core.addresses": "AddressPolicy",
            "core.http_settings": "MAX_HTTP_CONNECTIONS HttpSettings close_connections use_http_settings",
            "core.local": "NOT_STARTED OUT_OF_REACH describe_exit inherited_environment last_lines variable_problem",
            "core.networks": "LINK_LOCAL_AND_METADATA",
            "core.processes": "Child",
            "core.remote_limits": (
                "DEFAULT_REMOTE_LIMITS MAX_REMOTE_HOSTS MAX_REMOTE_OUTPUT_BYTES RemoteLimits use_remote_limits"
            ),
            "core.spawning": "Command",
            "core.stackstorm": (
                "COMMAND_SECONDS NO_PASSWORD_FOR_SUDO python_result shell_result stackstorm_http stackstorm_local "
                "sudo_command"
            ),
            "core.stackstorm_remote": "refuse_secrets remote_script stackstorm_remote",
            "elsewhere": "Code OwnWorker",
            "entry_points": "load_entry_points",
            "errors": (
                "MAX_RETRY_AFTER_SECONDS ActionFailed CannotLoadActions DuplicateAction InvalidAction "
                "InvalidActionInput RemoteFailure UnknownAction"
            ),
            "json_schema": "input_schema output_schema",
            "loading": "load_actions",
            "output": "WINDOW_BYTES OutputSlot OutputSoFar OutputWatchers output_slot",
            "access_of_packs": (
                "DEFAULT_INQUIRY_LIMITS MAX_INQUIRY_BYTES MAX_MADE_INQUIRIES MAX_PROCESS_BYTES MOST_INQUIRY_BYTES "
                "ActionInquiries AskingItem GrantedKey InquiryLimits PackAccess PackKeys asking_item "
                "max_process_bytes pack_access use_pack_access"
            ),
            "filling": "Fill KeyRead ReadKey",
            "process_user": "ProcessUser as_user find_user",
            "registry": "Action ActionRegistry RenderedCommands Requested action",
            "schema": "ANY ActionParameter",
            "tracebacks": "frames_in frames_of",
        },
    )

__all__ = [
    "ANY",
    "COMMAND_SECONDS",
    "DEFAULT_INQUIRY_LIMITS",
    "DEFAULT_REMOTE_LIMITS",
    "LINK_LOCAL_AND_METADATA",
    "MAX_HTTP_CONNECTIONS",
    "MAX_INQUIRY_BYTES",
    "MAX_MADE_INQUIRIES",
    "MAX_PROCESS_BYTES",
    "MAX_REMOTE_HOSTS",
    "MAX_REMOTE_OUTPUT_BYTES",
    "MAX_RETRY_AFTER_SECONDS",
    "MOST_INQUIRY_BYTES",
    "NOT_STARTED",
    "NO_PASSWORD_FOR_SUDO",
    "OUT_OF_REACH",
    "WINDOW_BYTES",
    "Action",
    "ActionFailed",
    "ActionInquiries",
    "ActionParameter",
    "ActionRegistry",
    "AddressPolicy",
    "AskingItem",
    "CannotLoadActions",
    "Child",
    "Code",
    "Command",
    "DuplicateAction",
    "Fill",
    "GrantedKey",
    "HttpSettings",
    "InquiryLimits",
    "InvalidAction",
    "InvalidActionInput",
    "KeyRead",
    "OutputSlot",
    "OutputSoFar",
    "OutputWatchers",
    "OwnWorker",
    "PackAccess",
    "PackKeys",
    "ProcessUser",
    "ReadKey",
    "RemoteFailure",
    "RemoteLimits",
    "RenderedCommands",
    "Requested",
    "UnknownAction",
    "action",
    "as_user",
    "asking_item",
    "close_connections",
    "describe_exit",
    "find_user",
    "frames_in",
    "frames_of",
    "inherited_environment",
    "input_schema",
    "last_lines",
    "load_actions",
    "load_entry_points",
    "max_process_bytes",
    "output_schema",
    "output_slot",
    "pack_access",
    "python_result",
    "refuse_secrets",
    "remote_script",
    "shell_result",
    "stackstorm_http",
    "stackstorm_local",
    "stackstorm_remote",
    "sudo_command",
    "use_http_settings",
    "use_pack_access",
    "use_remote_limits",
    "variable_problem",
]
