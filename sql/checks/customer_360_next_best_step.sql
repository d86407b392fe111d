-- Found another way than in the mart: what may not be passed over, and what nobody may be told without a cause.
with customers as (
    select * from marts.customer_360
),

unanswered as (
    select
        customer_id,
        max(case when first_staff_comment_at is null then 1 else 0 end) as is_unanswered
    from warehouse.fct_ticket
    where is_open and customer_id is not null
    group by customer_id
),

owed as (
    select
        customer_id,
        max(case when rule = 'refund_not_paid' then 1 else 0 end) as is_refund_late,
        max(case when rule = 'paid_twice' then 1 else 0 end) as is_paid_twice
    from marts.friction
    where customer_id is not null and rule in ('refund_not_paid', 'paid_twice')
    group by customer_id
)

select
    customers.customer_id,
    customers.next_best_step
from customers
left join unanswered on customers.customer_id = unanswered.customer_id
left join owed on customers.customer_id = owed.customer_id
where (
        unanswered.is_unanswered = 1
        and customers.next_best_step not in ('pay_refund', 'return_double_payment', 'answer_ticket')
    )
    or (customers.next_best_step = 'answer_ticket' and coalesce(unanswered.is_unanswered, 0) = 0)
    or (customers.open_tickets > 0 and customers.next_best_step in ('remind_of_payment', 'make_good', 'win_back', 'invite_again', 'none'))
    or (customers.next_best_step = 'pay_refund' and coalesce(owed.is_refund_late, 0) = 0)
    or (customers.next_best_step = 'return_double_payment' and coalesce(owed.is_paid_twice, 0) = 0)
    or (customers.next_best_step = 'make_good' and customers.last_satisfaction is null)
    or (customers.next_best_step = 'win_back' and customers.orders_count < 2)
    or (customers.next_best_step = 'invite_again' and customers.orders_count <> 1)
