with customers as (
    select * from marts.customer_360
),

-- The tables themselves stand beside the draws as a draw that changes nothing.
draws as (
    select
        draw,
        customers,
        with_order,
        with_orders,
        with_open_ticket,
        of_one_department
    from warehouse.int_draw
    union all
    select
        cast(draw as bigint) as draw,
        0 as customers,
        0 as with_order,
        0 as with_orders,
        0 as with_open_ticket,
        0 as of_one_department
    from (values (-1)) as tables (draw)
),

counted as (
    select
        count(*) as customers,
        coalesce(sum(case when orders_count > 0 then 1 else 0 end), 0) as with_order,
        coalesce(sum(case when orders_count > 1 then 1 else 0 end), 0) as with_orders,
        coalesce(sum(case when open_tickets > 0 then 1 else 0 end), 0) as with_open_ticket,
        coalesce(sum(case when systems_known = 1 then 1 else 0 end), 0) as of_one_department,
        coalesce(sum(revenue_eur), 0) as revenue_eur
    from customers
),

-- Revenue is that of all customers together, whoever they are.
worlds as (
    select
        draws.draw,
        counted.customers + draws.customers as customers,
        counted.with_order + draws.with_order as with_order,
        counted.with_orders + draws.with_orders as with_orders,
        counted.with_open_ticket + draws.with_open_ticket as with_open_ticket,
        counted.of_one_department + draws.of_one_department as of_one_department,
        counted.revenue_eur
    from counted
    cross join draws
),

figures as (
    select * from (
        values
            ('customers', 'customers', 'Customers: everybody of whom there is a record.'),
            ('customers_with_order', 'customers', 'Customers with an order that is not cancelled.'),
            ('customers_with_open_ticket', 'customers', 'Customers with a ticket that is new, open, pending or on hold.'),
            ('repeat_share', 'share', 'Of the customers with an order, the share with two or more; cancelled ones do not count.'),
            ('one_department_share', 'share', 'Of all customers, the share whom one department knows only.'),
            ('revenue_per_customer', 'EUR', 'Revenue of all customers by the number of those with an order.')
    ) as listed (figure, unit, counts)
),

valued as (
    select
        figures.figure,
        worlds.draw,
        case
            when figures.figure = 'customers' then cast(worlds.customers as decimal(18, 4))
            when figures.figure = 'customers_with_order' then cast(worlds.with_order as decimal(18, 4))
            when figures.figure = 'customers_with_open_ticket' then cast(worlds.with_open_ticket as decimal(18, 4))
            when figures.figure = 'repeat_share' then cast(div_round(worlds.with_orders, nullif(worlds.with_order, 0), 4) as decimal(18, 4))
            when figures.figure = 'one_department_share' then cast(div_round(worlds.of_one_department, nullif(worlds.customers, 0), 4) as decimal(18, 4))
            else cast(div_round(worlds.revenue_eur, nullif(worlds.with_order, 0), 2) as decimal(18, 4))
        end as value
    from figures
    cross join worlds
),

ranked as (
    select
        figure,
        value,
        row_number() over (partition by figure order by value, draw) as place,
        count(*) over (partition by figure) as draws
    from valued
    where draw >= 0
),

-- The nearest rank: the least value that at least so many of a hundred draws do not exceed.
bounds as (
    select
        figure,
        max(draws) as draws,
        min(case when place * 100 >= draws * 5 then value end) as low,
        min(case when place * 100 >= draws * 95 then value end) as high
    from ranked
    group by figure
),

final as (
    select
        figures.figure,
        figures.counts,
        figures.unit,
        valued.value,
        bounds.low,
        bounds.high,
        coalesce(bounds.draws, 0) as draws,
        bounds.figure is not null as is_calibrated
    from figures
    inner join valued
        on figures.figure = valued.figure
        and valued.draw = -1
    left join bounds on figures.figure = bounds.figure
)

select * from final
