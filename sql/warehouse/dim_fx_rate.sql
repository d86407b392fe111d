with rates as (

    -- The EUR is 1 by definition, whatever a file says.
    select
        upper(trim(currency)) as currency,
        date,
        max(rate) as rate
    from staging.stg_controlling__fx_rates
    where upper(trim(currency)) <> 'EUR'
    group by upper(trim(currency)), date

),

-- Days up to the last one before as_of; a rate older than the calendar still opens its currency.
days as (

    select date from project.calendar where day_starts_at < $as_of
    union
    select date from rates where date <= local_date($as_of, $time_zone)

),

currencies as (

    select
        currency,
        min(date) as first_date
    from rates
    group by currency

),

spread as (

    select
        currencies.currency,
        days.date,
        rates.rate
    from currencies
    inner join days on days.date >= currencies.first_date
    left join rates
        on rates.currency = currencies.currency
        and rates.date = days.date

),

-- Each known rate opens a stretch of days that lasts until the next one.
stretches as (

    select
        currency,
        date,
        rate,
        count(rate) over (partition by currency order by date) as stretch
    from spread

),

filled as (

    select
        currency,
        date,
        max(rate) over (partition by currency, stretch) as rate
    from stretches

),

final as (

    select currency, date, rate from filled
    union all
    select
        'EUR' as currency,
        date,
        cast(1 as decimal(18, 6)) as rate
    from project.calendar
    where day_starts_at < $as_of

)

select * from final
