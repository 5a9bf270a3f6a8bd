"""A picture as Mermaid or Graphviz source."""

from collections.abc import Callable, Iterator

from stretto.definitions.drawing.picture import Group, Node, Picture


def mermaid(picture: Picture) -> str:
    """Return a Mermaid flowchart.

    Nodes are named n0, n1, ... because a task may have the name of a Mermaid keyword, such as `end`.
    """
    names = {name: f"n{number}" for number, name in enumerate(picture.nodes)}

    def node(each: Node) -> str:
        left, right = ("([", "])") if each.helper else ("[[", "]]") if each.fans_out else ("[", "]")
        return f'{names[each.name]}{left}"{"<br/>".join(map(_mermaid_text, each.lines))}"{right}'

    def begin(group: Group) -> str:
        return f'subgraph {names[group.name]}_group["{_mermaid_text(group.name)}"]'

    lines = ["flowchart TD", *_nested(picture, node, begin, "end")]
    for edge in picture.edges:
        label = f'|"{_mermaid_text(edge.label)}"|' if edge.label else ""
        lines.append(f"  {names[edge.source]} -->{label} {names[edge.target]}")
    entries = [names[node.name] for node in picture.nodes.values() if node.entry]
    lines += ["  classDef entry stroke-width:3px", f"  class {','.join(entries)} entry"]
    return "\n".join(lines) + "\n"


def dot(picture: Picture) -> str:
    """Return a Graphviz digraph."""

    def node(each: Node) -> str:
        styles = [*(["bold"] if each.entry else []), *(["dashed"] if each.helper else []), "rounded"]
        label = "\\n".join(map(_dot_text, each.lines))
        return f'"{_dot_text(each.name)}" [label="{label}", style="{",".join(styles)}"];'

    def begin(group: Group) -> str:
        return f'subgraph "cluster_{_dot_text(group.name)}" {{ label="{_dot_text(group.name)}";'

    lines = [f'digraph "{_dot_text(picture.ref)}" {{', "  node [shape=box];"]
    lines += _nested(picture, node, begin, "}")
    for edge in picture.edges:
        label = f' [label="{_dot_text(edge.label)}"]' if edge.label else ""
        lines.append(f'  "{_dot_text(edge.source)}" -> "{_dot_text(edge.target)}"{label};')
    return "\n".join([*lines, "}"]) + "\n"


def _nested(picture: Picture, node: Callable[[Node], str], begin: Callable[[Group], str], end: str) -> list[str]:
    """Return the lines of all nodes, with each group between its begin and end lines."""

    def lines_of(group: Group, indent: str) -> Iterator[str]:
        yield indent + begin(group)
        for name in group.nodes:
            yield f"{indent}  {node(picture.nodes[name])}"
        for nested in group.groups:
            yield from lines_of(nested, f"{indent}  ")
        yield indent + end

    lines = [f"  {node(picture.nodes[name])}" for name in picture.loose]
    return lines + [line for group in picture.groups for line in lines_of(group, "  ")]


def _mermaid_text(text: str) -> str:
    # Mermaid's own entities. `#` is replaced first because every entity starts with it.
    for character, entity in (
        ("#", "#35;"),
        ("&", "#amp;"),
        ('"', "#quot;"),
        ("<", "#lt;"),
        (">", "#gt;"),
        ("`", "#96;"),
    ):
        text = text.replace(character, entity)
    return text


def _dot_text(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")
