array(
        select attribute.attname::text
        from pg_catalog.unnest(rule.conkey) with ordinality as key(number, place)
        join pg_catalog.pg_attribute attribute on attribute.attrelid = rule.conrelid and attribute.attnum = key.number
        order by key.place
    ) as columns,
    array(
        select attribute.attname::text
        from pg_catalog.unnest(rule.confkey) with ordinality as key(number, place)
        join pg_catalog.pg_attribute attribute on attribute.attrelid = rule.confrelid and attribute.attnum = key.number
        order by key.place
    ) as other_columns
