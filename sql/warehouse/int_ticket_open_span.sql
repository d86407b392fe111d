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

-- A few large partitions instead of one for each ticket: windows cost by the partition.
ordered as (

    select
        ticket_id,
        is_opening,
        happened_at,
        row_number() over (partition by ticket_id % 64 order by ticket_id, happened_at, audit_id) as turn,
        lead(ticket_id) over (
            partition by ticket_id % 64 order by ticket_id, happened_at, audit_id
        ) as row_after_ticket_id,
        lead(happened_at) over (
            partition by ticket_id % 64 order by ticket_id, happened_at, audit_id
        ) as row_after_at
    from turns

),

-- The next turn of an open ticket closes the span, whichever it is.
final as (

    select
        ordered.ticket_id,
        ordered.turn,
        tickets.customer_id,
        tickets.order_id,
        ordered.happened_at as open_from,
        -- A ticket that is solved by now, although no audit tells when, was open until its last change at most.
        case
            when ordered.row_after_ticket_id = ordered.ticket_id then ordered.row_after_at
            when tickets.status in ('solved', 'closed') then tickets.updated_at
        end as open_until
    from warehouse.int_ticket as tickets
    inner join ordered on ordered.ticket_id = tickets.ticket_id
    where ordered.is_opening

)

select * from final
