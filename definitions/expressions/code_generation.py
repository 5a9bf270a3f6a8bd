"""Compiles the parse trees of expressions to Python that calls the sandbox, so that each operation can pay first."""

from typing import Any

from jinja2 import nodes
from jinja2.compiler import CodeGenerator, Frame

from stretto.definitions.expressions.both_forms import EACH_PREFIX


class TextGenerator(CodeGenerator):
    """Compiles output without conversion, so values keep their types. Only literal text is constant."""

    def write_commons(self) -> None:
        """Write the module's common lines, with an error for `x if y` without else where Jinja is lenient."""
        super().write_commons()
        self.writeline("cond_expr_undefined = undefined")

    def _output_child_to_const(self, node: nodes.Expr, frame: Frame, finalize: Any) -> Any:  # noqa: ARG002
        if isinstance(node, nodes.TemplateData):
            return node.data
        raise nodes.Impossible

    def _output_child_pre(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:
        pass

    def _output_child_post(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:
        pass

    def visit_Compare(self, node: nodes.Compare, frame: Frame) -> None:  # noqa: N802 - Jinja's visitor
        """Write a call of `Sandbox.compare`."""
        self.write("environment.compare(context, ")
        self.visit(node.expr, frame)
        self.write(", (")
        for operand in node.ops:
            self.write(f"({operand.op!r}, lambda: ")
            self.visit(operand.expr, frame)
            self.write("), ")
        self.write("))")

    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:  # noqa: N802 - Jinja's visitor
        """Write a call of `Sandbox.concatenate`."""
        self.write("environment.concatenate(context, (")
        for part in node.nodes:
            self.visit(part, frame)
            self.write(", ")
        self.write("))")

    def visit_Filter(self, node: nodes.Filter, frame: Frame) -> None:  # noqa: N802 - Jinja's visitor
        """Write a call of `Sandbox.each` for an expression that is evaluated for each member."""
        name = node.name.removeprefix(EACH_PREFIX)
        if name == node.name or node.node is None:
            super().visit_Filter(node, frame)
            return
        member, body, units = node.args
        self.write(f"environment.each(context, {name!r}, ")
        self.visit(node.node, frame)
        self.write(", lambda ")
        self.visit(member, frame)
        self.write(": ")
        self.visit(body, frame)
        self.write(", ")
        self.visit(units, frame)
        self.write(")")

    def visit_Getitem(self, node: nodes.Getitem, frame: Frame) -> None:  # noqa: N802 - Jinja's visitor
        """Write a call of `Sandbox.item` or `Sandbox.slice`."""
        if not isinstance(node.arg, nodes.Slice):
            parts: list[nodes.Expr | None] = [node.node, node.arg]
            self.write("environment.item(context")
        else:
            parts = [node.node, node.arg.start, node.arg.stop, node.arg.step]
            self.write("environment.slice(context")
        for part in parts:
            self.write(", ")
            if part is None:
                self.write("None")
            else:
                self.visit(part, frame)
        self.write(")")

    def visit_Pair(self, node: nodes.Pair, frame: Frame) -> None:  # noqa: N802 - Jinja's visitor
        """Write a key and a value, and pay for the hash of a computed key."""
        if isinstance(node.key, nodes.Const):
            self.visit(node.key, frame)
        else:
            self.write("environment.key(context, ")
            self.visit(node.key, frame)
            self.write(")")
        self.write(": ")
        self.visit(node.value, frame)


class ExpressionGenerator(TextGenerator):
    """Compiles one expression to a function that returns its value, where Jinja would create a generator."""

    def write_commons(self) -> None:
        """Write only the common lines that an expression needs."""
        self.writeline("resolve = context.resolve_or_missing")
        self.writeline("undefined = environment.undefined")
        self.writeline("cond_expr_undefined = undefined")

    def visit_Output(self, node: nodes.Output, frame: Frame) -> None:  # noqa: N802 - Jinja's visitor
        """Write the return of the value."""
        self.writeline("return ", node.nodes[0])
        self.visit(node.nodes[0], frame)
