-- What is new since the day before?
-- What happened on the run's last day, beside an average day of the four weeks before. (Figures of two runs: ask both with `--run`.)
with days as (
    select
        department,
        kind,
        local_date(occurred_at, 'Europe/Berlin') as day
    from warehouse.fct_touchpoint
),

last_day as (
    select max(day) as day from days
),

counted as (
    select
        days.department,
        days.kind,
        sum(case when days.day = last_day.day then 1 else 0 end) as on_the_last_day,
        sum(case when days.day < last_day.day then 1 else 0 end) as in_28_days
    from days
    cross join last_day
    where days.day >= last_day.day - interval '28 days'
    group by days.department, days.kind
)

select
    department,
    kind,
    on_the_last_day,
    div_round(in_28_days, 28, 2) as on_an_average_day
from counted
where on_the_last_day > 0 or in_28_days >= 28
order by department, kind
