with xref as (

    select
        source_system,
        source_object,
        record_id,
        customer_id
    from identity.customer_xref

),

records as (

    select
        xref.customer_id,
        record.source_system,
        record.source_object,
        record.display_name,
        record.email,
        record.phone,
        record.city,
        record.country,
        record.first_seen_at
    from identity.record
    inner join xref
        on xref.source_system = record.source_system
        and xref.source_object = record.source_object
        and xref.record_id = record.record_id

),

-- Which record is believed first: the shop account that the customer keeps herself, then billing, then support, then a
-- guest's order; among those of one source the one seen last, since people move and marry. As text of 20 characters.
ranked as (

    select
        *,
        case
            when source_system = 'shopify' and source_object = 'customers' then '1'
            when source_system = 'stripe' then '2'
            when source_system = 'zendesk' then '3'
            else '4'
        end
        || lpad(cast(9000000000000000000 - coalesce(epoch_us(first_seen_at), 0) as varchar), 19, '0') as precedence
    from records

),

-- The smallest of (precedence, value) holds the first value that is there at all.
golden as (

    select
        customer_id,
        substr(min(precedence || nullif(display_name, '')), 21) as display_name,
        substr(min(precedence || nullif(email, '')), 21) as email,
        substr(min(precedence || nullif(phone, '')), 21) as phone,
        substr(min(precedence || nullif(city, '')), 21) as city,
        substr(min(precedence || nullif(country, '')), 21) as country,
        min(first_seen_at) as first_seen_at
    from ranked
    group by customer_id

),

systems as (

    select
        customer_id,
        count(*) as systems_known
    from (
        select
            customer_id,
            source_system
        from xref
        group by customer_id, source_system
    ) as known
    group by customer_id

),

organisations as (

    select xref.customer_id
    from staging.stg_zendesk__users as users
    inner join xref
        on xref.record_id = cast(users.id as varchar)
        and xref.source_system = 'zendesk'
        and xref.source_object = 'users'
    where users.organization_id is not null
    group by xref.customer_id

),

-- A refusal on any of her shop accounts stands for all of them.
consents as (

    select
        xref.customer_id,
        min(case when accounts.accepts_marketing then 1 else 0 end) as accepts
    from staging.stg_shopify__customers as accounts
    inner join xref
        on xref.record_id = accounts.id
        and xref.source_system = 'shopify'
        and xref.source_object = 'customers'
    group by xref.customer_id

),

named as (

    select
        *,
        ' ' || lower(replace(replace(coalesce(display_name, ''), ',', ' '), '.', '')) || ' ' as padded_name
    from golden

),

final as (

    select
        named.customer_id,
        named.display_name,
        named.email,
        named.phone,
        named.city,
        named.country,
        systems.systems_known,
        organisations.customer_id is not null
        or named.padded_name like '% gmbh %'
        or named.padded_name like '% ag %'
        or named.padded_name like '% kg %'
        or named.padded_name like '% ohg %'
        or named.padded_name like '% ug %'
        or named.padded_name like '% gbr %'
        or named.padded_name like '% ek %'
        or named.padded_name like '% ltd %'
        or named.padded_name like '% inc %'
        or named.padded_name like '% llc %'
        or named.padded_name like '% sarl %' as is_business,
        coalesce(consents.accepts, 0) = 1 as has_marketing_consent,
        named.first_seen_at
    from named
    inner join systems on systems.customer_id = named.customer_id
    left join organisations on organisations.customer_id = named.customer_id
    left join consents on consents.customer_id = named.customer_id

)

select * from final
