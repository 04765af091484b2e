#!/bin/sh
# Creates Temporal's two databases and brings their schemas up to date. Safe to run again: creating a database and the
# version table fails when that was done before, so only the update has to succeed.
set -eu

versions=/etc/temporal/schema/postgresql/v12

prepare() {
    database=$1
    schema=$2
    set -- temporal-sql-tool --plugin postgres12 --endpoint "$POSTGRES_SEEDS" --port "$DB_PORT" --user "$POSTGRES_USER" \
        --database "$database"
    "$@" create-database || echo "$database is there already"
    "$@" setup-schema --version 0.0 || echo "$database has a schema already"
    "$@" update-schema --schema-dir "$versions/$schema/versioned"
}

prepare temporal temporal
prepare temporal_visibility visibility
