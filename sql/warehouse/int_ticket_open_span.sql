with openings as (

    select
        ticket_id,
        opened_at as happened_at,
        0 as audit_id,
        true as is_opening
    from warehouse.int_ticket

),

turns as (

    select
        ticket_id,
        happened_at,
        audit_id,
        is_opening
    from openings
    union all
    select
        ticket_id,
        happened_at,
        audit_id,
        is_reopen as is_opening
    from warehouse.int_ticket_audit
    where is_reopen or is_solve or is_close

),

-- The next turn of an open ticket closes the span, whichever it is.
ordered as (

    select
        ticket_id,
        is_opening,
        row_number() over (partition by ticket_id order by happened_at, audit_id) as turn,
        happened_at as open_from,
        lead(happened_at) over (partition by ticket_id order by happened_at, audit_id) as open_until
    from turns

),

final as (

    select
        ordered.ticket_id,
        ordered.turn,
        tickets.customer_id,
        tickets.order_id,
        ordered.open_from,
        ordered.open_until
    from warehouse.int_ticket as tickets
    inner join ordered on ordered.ticket_id = tickets.ticket_id
    where ordered.is_opening

)

select * from final
