-- What she ordered and what is open, from the systems' own rows; and the next best step, as a customer's agent would ask himself, one question after another.
with asked as (
    select
        d.customer_id,
        d.has_marketing_consent as may_be_written_to,
        exists (
            select 1 from marts.friction as f
            where f.customer_id = d.customer_id and f.rule = 'refund_not_paid'
                and f.order_id not in (select r.order_id from warehouse.fct_refund as r where r.status = 'succeeded' and r.order_id is not null)
        ) as waits_for_refund,
        exists (
            select 1 from marts.friction as f
            where f.customer_id = d.customer_id and f.rule = 'paid_twice'
                and f.invoice_id not in (select r.invoice_id from warehouse.fct_refund as r where r.status = 'succeeded' and r.invoice_id is not null)
        ) as paid_twice,
        exists (select 1 from tickets as t where t.customer_id = d.customer_id and t.is_open) as waits_for_us,
        -- Somebody of the team said something to her in each of her open tickets.
        not exists (
            select 1 from tickets as t
            where t.customer_id = d.customer_id and t.is_open
                and not exists (
                    select 1 from events as e
                    join staging.stg_zendesk__users as u on u.id = e.author_id and u.role in ('agent', 'admin')
                    where e.ticket_id = t.ticket_id and e.event.type = 'Comment' and e.event.public and e.author_id <> t.requester_id
                )
        ) as was_answered,
        (select sum(i.overdue_eur) from warehouse.fct_invoice as i where i.customer_id = d.customer_id) as owes,
        (
            select max_by(p.satisfaction, (p.occurred_at, p.touchpoint_id)) from warehouse.fct_touchpoint as p
            where p.customer_id = d.customer_id and p.kind = 'ticket_rated'
                and p.occurred_at >= $as_of - to_days($recent_friction_days)
        ) as last_rating,
        (select count(*) from orders as o where o.customer_id = d.customer_id) as orders,
        (select min(o.age) from orders as o where o.customer_id = d.customer_id) as days_since_order
    from warehouse.dim_customer as d
)

select
    customer_id,
    case
        when waits_for_refund then 'pay_refund'
        when paid_twice then 'return_double_payment'
        when waits_for_us and not was_answered then 'answer_ticket'
        when waits_for_us and owes > 0 then 'hold_reminders'
        when waits_for_us then 'solve_ticket'
        when owes > 0 then 'remind_of_payment'
        when last_rating = 'bad' then 'make_good'
        when may_be_written_to and orders > 1 and days_since_order > $win_back_days then 'win_back'
        when may_be_written_to and orders = 1 and days_since_order > $invite_again_days then 'invite_again'
        else 'none'
    end as next_best_step,
    asked.orders as orders_count,
    (select count(*) from tickets as t where t.customer_id = asked.customer_id and t.is_open) as open_tickets,
    refunds_eur,
    coalesce((select sum(in_eur(o.total, o.currency, o.moment)) from orders as o where o.customer_id = asked.customer_id), 0) - refunds_eur as revenue_eur
from asked
cross join lateral (
    select
        coalesce(sum(in_eur(r.amount, upper(trim(r.currency)), r.created_at)), 0) as refunds_eur
    from staging.stg_shopify__refunds as r
    join orders as o on o.order_id = r.order_id
    where o.customer_id = asked.customer_id and r.created_at < $as_of
) as refunds
