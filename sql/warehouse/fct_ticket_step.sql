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

final as (

    select
        changes.ticket_id,
        row_number() over (
            partition by changes.ticket_id
            order by changes.changed_at, changes.audit_id, changes.field, changes.from_value, changes.to_value
        ) as step,
        changes.audit_id,
        tickets.customer_id,
        changes.author_id,
        changes.field,
        changes.from_value,
        changes.to_value,
        changes.field = 'group_id' and changes.from_value is not null as is_transfer,
        coalesce(
            changes.field = 'status'
            and changes.from_value = 'solved'
            and changes.to_value in ('new', 'open', 'pending', 'hold'),
            false
        ) as is_reopen,
        coalesce(changes.field = 'status' and changes.to_value = 'solved', false) as is_solve,
        changes.changed_at
    from tickets
    inner join changes on changes.ticket_id = tickets.ticket_id

)

select * from final
