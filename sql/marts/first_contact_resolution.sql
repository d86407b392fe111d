with contacts as (
    select * from warehouse.int_contact
),

-- A matter is judged once its first ticket is over and the time in which she might ask again has passed. Not sooner, also
-- where it is clear by then that it was not solved at once: else the youngest months would know of failures only.
tickets as (
    select
        cast(date_trunc('month', local_date(occurred_at, $time_zone)) as date) as month,
        coalesce(topic, 'unknown') as topic,
        coalesce(channel, 'unknown') as channel,
        is_first,
        is_first and coalesce(add_days(ended_at, $ask_again_days) <= $as_of, false) as is_judged,
        transfers > 0 as was_transferred,
        reopens > 0 as was_reopened,
        coalesce(next_at <= add_days(ended_at, $ask_again_days), false) as asked_again
    from contacts
    where is_opening
),

-- What was not solved at the first contact counts once, for the first reason that holds.
judged as (
    select
        *,
        case
            when not is_first then null
            when not is_judged then 'pending'
            when was_transferred then 'transferred'
            when was_reopened then 'reopened'
            when asked_again then 'asked_again'
            else 'resolved_first'
        end as verdict
    from tickets
),

counted as (
    select
        month,
        topic,
        channel,
        count(*) as tickets,
        sum(case when is_first then 1 else 0 end) as matters,
        sum(case when verdict = 'pending' then 1 else 0 end) as pending,
        sum(case when is_judged then 1 else 0 end) as judged,
        sum(case when verdict = 'resolved_first' then 1 else 0 end) as resolved_first,
        sum(case when verdict = 'transferred' then 1 else 0 end) as transferred,
        sum(case when verdict = 'reopened' then 1 else 0 end) as reopened,
        sum(case when verdict = 'asked_again' then 1 else 0 end) as asked_again
    from judged
    group by month, topic, channel
),

final as (
    select
        *,
        div_round(resolved_first, judged, 6) as resolved_first_share
    from counted
)

select * from final
