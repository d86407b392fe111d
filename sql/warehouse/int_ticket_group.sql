with changes as (

    select
        ticket_id,
        audit_id,
        happened_at,
        max(value) as to_group,
        min(previous_value) as from_group
    from warehouse.int_ticket_event
    where event = 'group_id'
    group by ticket_id, audit_id, happened_at

),

-- Groups are compared as text, as the audits hold them.
groups as (

    select
        cast(id as varchar) as group_id,
        department
    from staging.stg_zendesk__groups

),

-- A few large partitions instead of one for each ticket: windows cost by the partition.
ordered as (

    select
        ticket_id,
        audit_id,
        happened_at,
        to_group,
        from_group,
        lag(ticket_id) over (
            partition by ticket_id % 64 order by ticket_id, happened_at, audit_id
        ) as row_before_ticket_id,
        lead(ticket_id) over (
            partition by ticket_id % 64 order by ticket_id, happened_at, audit_id
        ) as row_after_ticket_id,
        lead(happened_at) over (
            partition by ticket_id % 64 order by ticket_id, happened_at, audit_id
        ) as row_after_at,
        lead(audit_id) over (
            partition by ticket_id % 64 order by ticket_id, happened_at, audit_id
        ) as row_after_audit_id
    from changes

),

final as (

    select
        ordered.ticket_id,
        ordered.audit_id,
        ordered.from_group,
        ordered.to_group,
        -- A team without a department still answers for customer service.
        coalesce(groups.department, 'support') as department,
        case when ordered.row_after_ticket_id = ordered.ticket_id then ordered.row_after_audit_id end as next_audit_id,
        coalesce(ordered.row_before_ticket_id <> ordered.ticket_id, true) as is_first,
        ordered.happened_at,
        case when ordered.row_after_ticket_id = ordered.ticket_id then ordered.row_after_at end as next_at
    from groups
    right join ordered on ordered.to_group = groups.group_id

)

select * from final
