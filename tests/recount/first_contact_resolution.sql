with seen as (
    select
        month_of(t.opened) as month,
        t.topic,
        t.channel,
        t.was_transferred,
        t.was_reopened,
        -- It begins a matter: no other ticket of hers was still open, or over for less than the days.
        not exists (
            select 1 from tickets as before
            where before.customer_id = t.customer_id
                and (before.opened, 'ticket_opened:' || before.ticket_id) < (t.opened, 'ticket_opened:' || t.ticket_id)
                and coalesce(before.over, $as_of) + to_days($ask_again_days) >= t.opened
        ) as is_first,
        coalesce(t.over + to_days($ask_again_days) <= $as_of, false) as is_known,
        -- She came again, with anything and by any way, before the days were over.
        exists (
            select 1 from contacts as after
            where after.customer_id = t.customer_id
                and (after.moment, after.kind, after.id) > (t.opened, 1, 'ticket_opened:' || t.ticket_id)
                and after.moment <= t.over + to_days($ask_again_days)
        ) as came_again
    from tickets as t
    where t.customer_id is not null
)

select
    month,
    topic,
    channel,
    count(*) as tickets,
    count(*) filter (is_first) as matters,
    count(*) filter (is_first and not is_known) as pending,
    count(*) filter (is_first and is_known) as judged,
    count(*) filter (is_first and is_known and not was_transferred and not was_reopened and not came_again) as resolved_first,
    count(*) filter (is_first and is_known and was_transferred) as transferred,
    count(*) filter (is_first and is_known and was_reopened and not was_transferred) as reopened,
    count(*) filter (is_first and is_known and came_again and not was_transferred and not was_reopened) as asked_again,
    round(resolved_first / nullif(judged, 0), 6) as resolved_first_share
from seen
group by all
