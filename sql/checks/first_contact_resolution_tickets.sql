-- The same cells counted from the tickets, without a look at what came before or after them: what can be judged at most, and
-- what can have been solved at the first contact at most.
with tickets as (
    select
        cast(date_trunc('month', local_date(opened_at, $time_zone)) as date) as month,
        coalesce(topic, 'unknown') as topic,
        coalesce(channel, 'unknown') as channel,
        count(*) as tickets,
        sum(case when is_open then 0 else 1 end) as over,
        sum(
            case
                when not is_open
                    and transfers = 0
                    and reopens = 0
                    and coalesce(last_solved_at, updated_at) <= add_days($as_of, - $ask_again_days) then 1
                else 0
            end
        ) as untroubled,
        sum(case when transfers > 0 then 1 else 0 end) as transferred,
        sum(case when reopens > 0 then 1 else 0 end) as reopened
    from warehouse.fct_ticket
    where customer_id is not null
    group by
        cast(date_trunc('month', local_date(opened_at, $time_zone)) as date),
        coalesce(topic, 'unknown'),
        coalesce(channel, 'unknown')
),

mart as (
    select * from marts.first_contact_resolution
)

select
    coalesce(tickets.month, mart.month) as month,
    coalesce(tickets.topic, mart.topic) as topic,
    coalesce(tickets.channel, mart.channel) as channel,
    tickets.tickets as expected_tickets,
    mart.tickets as found_tickets
from tickets
full join mart
    on tickets.month = mart.month
    and tickets.topic = mart.topic
    and tickets.channel = mart.channel
where (tickets.tickets is distinct from mart.tickets)
    or mart.judged > tickets.over
    or mart.resolved_first + mart.asked_again > tickets.untroubled
    or mart.transferred > tickets.transferred
    or mart.reopened > tickets.reopened
