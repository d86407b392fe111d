-- The customer's contacts in their order, each with the one before and the one after it, whatever ticket, channel or department.
with tickets as (

    select
        ticket_id,
        topic,
        transfers,
        reopens,
        -- Solved or closed without an audit that says when: open until its last change.
        case when is_open then null else coalesce(last_solved_at, updated_at) end as ended_at
    from warehouse.fct_ticket

),

contacts as (

    select
        customer_id,
        touchpoint_id,
        ticket_id,
        channel,
        kind_order,
        kind = 'ticket_opened' as is_opening,
        occurred_at
    from warehouse.fct_touchpoint
    where is_contact and customer_id is not null

),

joined as (

    select
        contacts.*,
        tickets.topic,
        tickets.transfers,
        tickets.reopens,
        tickets.ended_at,
        case
            when contacts.is_opening then add_days(coalesce(tickets.ended_at, $as_of), $ask_again_days)
        end as covered_until
    -- The side that is looked up stands first: its rows are what a hash join holds in memory.
    from tickets
    right join contacts on tickets.ticket_id = contacts.ticket_id

),

neighbours as (

    select
        *,
        lag(occurred_at) over (
            partition by customer_id order by occurred_at, kind_order, touchpoint_id
        ) as previous_at,
        lead(occurred_at) over (
            partition by customer_id order by occurred_at, kind_order, touchpoint_id
        ) as next_at,
        max(covered_until) over (
            partition by customer_id order by occurred_at, kind_order, touchpoint_id
            rows between unbounded preceding and 1 preceding
        ) as earlier_covered_until
    from joined

),

final as (

    select
        touchpoint_id,
        customer_id,
        ticket_id,
        channel,
        topic,
        coalesce(transfers, 0) as transfers,
        coalesce(reopens, 0) as reopens,
        kind_order,
        is_opening,
        is_opening and coalesce(earlier_covered_until < occurred_at, true) as is_first,
        coalesce(previous_at >= add_days(occurred_at, - $ask_again_days), false) as is_repeat,
        previous_at,
        occurred_at,
        next_at,
        ended_at
    from neighbours

)

select * from final
