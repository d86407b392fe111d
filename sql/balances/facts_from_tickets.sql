-- Tickets have no money of their own; their status tells whether one changed on the way.
with sources as (
    select
        status,
        count(*) as all_rows,
        sum(case when created_at >= $as_of then 1 else 0 end) as waiting_rows
    from staging.stg_zendesk__tickets
    group by status
),

facts as (
    select
        status,
        count(*) as all_rows
    from warehouse.fct_ticket
    group by status
),

final as (
    select
        'staging → facts' as step,
        'tickets ' || coalesce(sources.status, facts.status) as measure,
        'rows' as unit,
        'staging.stg_zendesk__tickets' as origin,
        cast(coalesce(sources.all_rows, 0) as decimal(38, 4)) as origin_value,
        'warehouse.fct_ticket' as target,
        cast(coalesce(facts.all_rows, 0) as decimal(38, 4)) as target_value,
        case
            when sources.waiting_rows > 0 and sources.all_rows - sources.waiting_rows = coalesce(facts.all_rows, 0)
                then cast(sources.waiting_rows as varchar) || ' created after the business day'
        end as reason
    from sources
    full outer join facts on sources.status = facts.status
)

select * from final
order by measure
