"""What Kedro checks before the first node are the parameters that nodes are given."""

import inspect

from kedro.framework.startup import bootstrap_project
from kedro.validation import TypeExtractor
from pydantic import BaseModel

from blastscreen.pipeline_registry import register_pipelines


def test_kedro_reads_the_hint_of_every_block_of_parameters(repository):
    bootstrap_project(repository)
    pipelines = register_pipelines()
    found = TypeExtractor(pipelines).extract_types_from_pipelines()
    for node in {node for pipeline in pipelines.values() for node in pipeline.nodes}:
        hints = inspect.get_annotations(node.func, eval_str=True)
        # Kedro 1.7 matches inputs with arguments by position, also where they are given by name
        for argument, entry in node._inputs.items():
            if entry.startswith("params:"):
                assert issubclass(hints[argument], BaseModel), (node.name, argument)
                assert found[entry.removeprefix("params:")] is hints[argument], (node.name, argument)
