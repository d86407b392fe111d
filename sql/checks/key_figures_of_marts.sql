with expected as (
    select 'customers' as figure, cast(count(*) as decimal(18, 4)) as value
    from warehouse.dim_customer
    union all
    select 'customers_with_order' as figure, cast(count(*) as decimal(18, 4)) as value
    from (
        select customer_id
        from warehouse.fct_order
        where not is_cancelled and customer_id is not null
        group by customer_id
    ) as buyers
    union all
    select 'customers_with_open_ticket' as figure, cast(count(*) as decimal(18, 4)) as value
    from (
        select customer_id
        from warehouse.fct_ticket
        where is_open and customer_id is not null
        group by customer_id
    ) as asking
    union all
    select
        'repeat_share' as figure,
        cast(div_round(sum(case when orders > 1 then 1 else 0 end), nullif(count(*), 0), 4) as decimal(18, 4)) as value
    from (
        select customer_id, count(*) as orders
        from warehouse.fct_order
        where not is_cancelled and customer_id is not null
        group by customer_id
    ) as buyers
    union all
    select
        'one_department_share' as figure,
        cast(div_round(sum(case when systems_known = 1 then 1 else 0 end), nullif(count(*), 0), 4) as decimal(18, 4)) as value
    from warehouse.dim_customer
    union all
    select
        'revenue_per_customer' as figure,
        cast(div_round(sum(revenue_eur), nullif(sum(case when orders_count > 0 then 1 else 0 end), 0), 2) as decimal(18, 4)) as value
    from marts.customer_360
)

select
    expected.figure,
    expected.value as expected_value,
    found.value as found_value
from expected
left join marts.key_figures as found on expected.figure = found.figure
where found.figure is null
    or expected.value is distinct from found.value
