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

ordered as (

    select
        ticket_id,
        audit_id,
        happened_at,
        to_group,
        from_group,
        row_number() over (partition by ticket_id order by happened_at, audit_id) as change_no,
        lead(happened_at) over (partition by ticket_id order by happened_at, audit_id) as next_at,
        lead(audit_id) over (partition by ticket_id order by happened_at, audit_id) as next_audit_id
    from changes

),

final as (

    select
        ordered.ticket_id,
        ordered.change_no,
        ordered.audit_id,
        ordered.from_group,
        ordered.to_group,
        -- A team without a department still answers for customer service.
        coalesce(groups.department, 'support') as department,
        ordered.next_audit_id,
        ordered.happened_at,
        ordered.next_at
    from ordered
    left join groups on groups.group_id = ordered.to_group

)

select * from final
