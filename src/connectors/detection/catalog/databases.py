"""Databases and brokers: connection strings that carry a password."""

from connectors.detection.catalog.forms import secret

DETECTORS = (
    secret(
        "database_url",
        "Database or broker URL with a password",
        vendor="",
        pattern=r"(?<![A-Za-z0-9+])(?P<value>(?i:jdbc:)?(?i:postgres(?:ql)?|mysqlx?|mariadb|mssql|sqlserver|oracle|cockroachdb"
        r"|mongodb|rediss?|valkeys?|amqps?|clickhouses?|couchbases?|neo4j|bolt|cassandra|nats|kafka|mqtts?|influxdb"
        r"|snowflake|redshift|vertica|trino|presto|hive2|db2|firebird|memcached)(?:\+[a-z0-9_]{2,16}){0,2}"
        r"://[^\s:@/'\"<>`]{0,128}:[^\s@'\"<>`]{1,128}@[^\s'\"<>`,;)\]}]{1,256})",
        factors=(r"://[^\s:@/'\x22<>`]{0,64}:[^\s@/'\x22<>`]{1,64}@",),
        examples=(
            "DATABASE_URL=postgres://app:" + "mK4u9vXq2s" + "@db.internal:5432/app",
            "mongodb+srv://root:" + "hT7pwq81z" + "@cluster0.mongodb.net/test",
        ),
        near_misses=(
            "postgres://localhost:5432/app",
            "postgres://app:${PGPASSWORD}@db:5432/app",
            "postgres://app@db/app",
        ),
        validators=("url_password",),
        aliases=("DATABASE_CONNECTION_STRING",),
        source="https://www.postgresql.org/docs/current/libpq-connect.html",
    ),
)
