#!/bin/sh
# Creates the namespace, or keeps the one that is there. Retention: see README.md beside this file.
set -eu

temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE" >/dev/null 2>&1 ||
    temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention 7d
