with changes as (

    select
        audit_id,
        ticket_id,
        author_id,
        event as field,
        value as to_value,
        previous_value as from_value,
        happened_at as changed_at
    from warehouse.int_ticket_event
    where event in ('status', 'group_id', 'assignee_id')

),

tickets as (

    select
        ticket_id,
        customer_id
    from warehouse.int_ticket

),

-- A few large partitions instead of one for each ticket: windows cost by the partition.
ordered as (

    select
        changes.*,
        changes.ticket_id % 64 as bucket,
        tickets.customer_id,
        cast(row_number() over (
            partition by changes.ticket_id % 64
            order by
                changes.ticket_id, changes.changed_at, changes.audit_id,
                changes.field, changes.from_value, changes.to_value
        ) as bigint) as place,
        lag(changes.ticket_id) over (
            partition by changes.ticket_id % 64
            order by
                changes.ticket_id, changes.changed_at, changes.audit_id,
                changes.field, changes.from_value, changes.to_value
        ) as row_before_ticket_id
    from tickets
    inner join changes on changes.ticket_id = tickets.ticket_id

),

final as (

    select
        ticket_id,
        place + 1 - max(case when row_before_ticket_id = ticket_id then 0 else place end) over (
            partition by bucket
            order by ticket_id, changed_at, audit_id, field, from_value, to_value
            rows between unbounded preceding and current row
        ) as step,
        audit_id,
        customer_id,
        author_id,
        field,
        from_value,
        to_value,
        field = 'group_id' and from_value is not null as is_transfer,
        coalesce(
            field = 'status' and from_value = 'solved' and to_value in ('new', 'open', 'pending', 'hold'), false
        ) as is_reopen,
        coalesce(field = 'status' and to_value = 'solved', false) as is_solve,
        changed_at
    from ordered

)

select * from final
