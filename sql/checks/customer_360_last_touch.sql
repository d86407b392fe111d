-- Found another way than in the mart: nothing may follow the last touch, and that department must have been met then.
with customers as (
    select
        customer_id,
        last_touch_at,
        last_touch_department
    from marts.customer_360
),

touchpoints as (
    select
        customer_id,
        department,
        occurred_at
    from warehouse.fct_touchpoint
    where customer_id is not null
),

by_customer as (
    select
        customers.customer_id,
        max(touchpoints.occurred_at) as expected_at,
        max(customers.last_touch_at) as found_at,
        max(case when touchpoints.department = customers.last_touch_department then 1 else 0 end) as department_fits
    from touchpoints
    inner join customers on touchpoints.customer_id = customers.customer_id
    where customers.last_touch_at is null or touchpoints.occurred_at >= customers.last_touch_at
    group by customers.customer_id
),

final as (
    select
        customers.customer_id,
        by_customer.expected_at,
        customers.last_touch_at as found_at
    from customers
    left join by_customer on customers.customer_id = by_customer.customer_id
    where (by_customer.customer_id is null and customers.last_touch_at is not null)
        or (by_customer.expected_at is distinct from by_customer.found_at)
        or by_customer.department_fits = 0
)

select * from final
