"""Reads semantic_models.yml with the parser of the dbt Semantic Layer, and lets its validator judge it.

scripts/python scripts/semantic.py --file catalogue/semantic_models.yml

Prints what is in it as JSON. Ends with 1 where the validator finds an error.
"""

import argparse
import json
import pathlib
import sys

from dbt_semantic_interfaces.parsing.dir_to_model import parse_yaml_files_to_validation_ready_semantic_manifest
from dbt_semantic_interfaces.parsing.objects import YamlConfigFile
from dbt_semantic_interfaces.validations.semantic_manifest_validator import SemanticManifestValidator
from dbt_semantic_interfaces.validations.validator_helpers import SemanticManifestValidationException


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--file", type=pathlib.Path, required=True)
    args = parser.parse_args()
    text = args.file.read_text(encoding="utf-8")
    try:
        read = parse_yaml_files_to_validation_ready_semantic_manifest(
            [YamlConfigFile(filepath=str(args.file), contents=text)], apply_transformations=True
        )
    except SemanticManifestValidationException as error:
        # What does not even parse.
        print(json.dumps({"errors": [str(error)]}))
        sys.exit(1)
    manifest = read.semantic_manifest
    judged = SemanticManifestValidator().validate_semantic_manifest(manifest)
    issues = [i.as_readable_str(verbose=True) for i in [*read.issues.errors, *judged.errors]]
    warnings = [i.as_readable_str(verbose=True) for i in [*read.issues.warnings, *judged.warnings]]
    print(
        json.dumps(
            {
                "errors": issues,
                "warnings": warnings,
                "models": {
                    m.name: {
                        "table": f"{m.node_relation.schema_name}.{m.node_relation.alias}",
                        "entities": {e.name: e.type.value for e in m.entities},
                        "dimensions": [d.name for d in m.dimensions],
                        "measures": [s.name for s in m.measures],
                    }
                    for m in manifest.semantic_models
                },
                "metrics": {m.name: m.type.value for m in manifest.metrics},
            }
        )
    )
    sys.exit(1 if issues else 0)


if __name__ == "__main__":
    main()
