-- What should be done next for this customer, and why. To change it: the order of the steps is the table `steps`, the conditions
-- are the SELECTs below it, one a step, of one shape: customer, step, since when, and the reason in words.
with steps (priority, next_best_step) as (
    values
    -- First what the company owes,
    (1, 'pay_refund'),
    (2, 'return_double_payment'),
    -- then what the customer waits for,
    (3, 'answer_ticket'),
    (4, 'hold_reminders'),
    (5, 'solve_ticket'),
    -- then what she owes,
    (6, 'remind_of_payment'),
    -- then what went wrong,
    (7, 'make_good'),
    -- and only then what could be sold: to those who agreed to it.
    (8, 'win_back'),
    (9, 'invite_again')
),

customers as (
    select * from warehouse.dim_customer
),

frictions as (
    select * from marts.friction
),

tickets as (
    select * from warehouse.fct_ticket
),

invoices as (
    select * from warehouse.fct_invoice
),

paybacks as (
    select * from warehouse.fct_refund
    where is_succeeded
),

ratings as (
    select * from warehouse.fct_touchpoint
    where kind = 'ticket_rated' and customer_id is not null
),

orders as (
    select * from warehouse.fct_order
),

paid_back_orders as (
    select order_id
    from paybacks
    where order_id is not null
    group by order_id
),

paid_back_invoices as (
    select invoice_id
    from paybacks
    where invoice_id is not null
    group by invoice_id
),

overdue as (
    select
        customer_id,
        sum(overdue_eur) as overdue_eur,
        min(due_at) as due_at
    from invoices
    where is_overdue and customer_id is not null
    group by customer_id
    -- An amount without a rate of exchange is unknown here, and no reason to write to anybody.
    having sum(overdue_eur) > 0
),

open_tickets as (
    select
        customer_id,
        ticket_id,
        opened_at,
        first_staff_comment_at
    from tickets
    where is_open and customer_id is not null
),

last_ratings as (
    select
        customer_id,
        max(occurred_at) as rated_at
    from ratings
    group by customer_id
),

buyers as (
    select
        orders.customer_id,
        count(*) as orders,
        max(orders.ordered_at) as last_ordered_at
    from orders
    where not orders.is_cancelled and orders.customer_id is not null
    group by orders.customer_id
),

candidates as (
    -- A refund was promised, is late, and no money has come since.
    select
        frictions.customer_id,
        'pay_refund' as next_best_step,
        frictions.found_at as since,
        'The refund of order ' || frictions.order_id || ' was to be paid by '
        || cast(local_date(frictions.found_at, $time_zone) as text) || '.' as reason
    from frictions
    left join paid_back_orders on frictions.order_id = paid_back_orders.order_id
    where frictions.rule = 'refund_not_paid' and paid_back_orders.order_id is null
    union all
    -- An invoice was paid twice, and nothing was paid back.
    select
        frictions.customer_id,
        'return_double_payment' as next_best_step,
        frictions.found_at as since,
        'Invoice ' || frictions.invoice_id || ' was paid twice, the second time on '
        || cast(local_date(frictions.found_at, $time_zone) as text) || '.' as reason
    from frictions
    left join paid_back_invoices on frictions.invoice_id = paid_back_invoices.invoice_id
    where frictions.rule = 'paid_twice' and paid_back_invoices.invoice_id is null
    union all
    -- Nobody has answered yet.
    select
        customer_id,
        'answer_ticket' as next_best_step,
        opened_at as since,
        'Ticket ' || cast(ticket_id as text) || ' has had no answer since '
        || cast(local_date(opened_at, $time_zone) as text) || '.' as reason
    from open_tickets
    where first_staff_comment_at is null
    union all
    -- She owes money and waits for us: no reminder before she has her answer.
    select
        open_tickets.customer_id,
        'hold_reminders' as next_best_step,
        open_tickets.opened_at as since,
        cast(overdue.overdue_eur as text) || ' EUR are overdue, but ticket ' || cast(open_tickets.ticket_id as text)
        || ' is open since ' || cast(local_date(open_tickets.opened_at, $time_zone) as text) || '.' as reason
    from overdue
    inner join open_tickets on overdue.customer_id = open_tickets.customer_id
    union all
    select
        customer_id,
        'solve_ticket' as next_best_step,
        opened_at as since,
        'Ticket ' || cast(ticket_id as text) || ' is open since '
        || cast(local_date(opened_at, $time_zone) as text) || '.' as reason
    from open_tickets
    union all
    select
        customer_id,
        'remind_of_payment' as next_best_step,
        due_at as since,
        cast(overdue_eur as text) || ' EUR are overdue since ' || cast(local_date(due_at, $time_zone) as text) || '.' as reason
    from overdue
    union all
    -- Her last word about us was a bad one, lately.
    select
        ratings.customer_id,
        'make_good' as next_best_step,
        ratings.occurred_at as since,
        'Ticket ' || cast(ratings.ticket_id as text) || ' was rated bad on '
        || cast(local_date(ratings.occurred_at, $time_zone) as text) || '.' as reason
    from last_ratings
    inner join ratings
        on last_ratings.customer_id = ratings.customer_id
        and last_ratings.rated_at = ratings.occurred_at
    where ratings.satisfaction = 'bad'
        and ratings.occurred_at >= add_days($as_of, - $recent_friction_days)
    union all
    -- She used to come, and has not come for long.
    select
        buyers.customer_id,
        'win_back' as next_best_step,
        buyers.last_ordered_at as since,
        cast(buyers.orders as text) || ' orders, the last on '
        || cast(local_date(buyers.last_ordered_at, $time_zone) as text) || '.' as reason
    from buyers
    inner join customers on buyers.customer_id = customers.customer_id
    where customers.has_marketing_consent
        and buyers.orders > 1
        and buyers.last_ordered_at < add_days($as_of, - $win_back_days)
    union all
    -- She came once, and may come again.
    select
        buyers.customer_id,
        'invite_again' as next_best_step,
        buyers.last_ordered_at as since,
        'One order so far, on ' || cast(local_date(buyers.last_ordered_at, $time_zone) as text) || '.' as reason
    from buyers
    inner join customers on buyers.customer_id = customers.customer_id
    where customers.has_marketing_consent
        and buyers.orders = 1
        and buyers.last_ordered_at < add_days($as_of, - $invite_again_days)
),

-- Of one step, what has waited longest.
ranked as (
    select
        candidates.customer_id,
        candidates.next_best_step,
        candidates.reason,
        row_number() over (
            partition by candidates.customer_id
            order by steps.priority, candidates.since, candidates.reason
        ) as place
    from candidates
    inner join steps on candidates.next_best_step = steps.next_best_step
    where candidates.customer_id is not null
),

final as (
    select
        customer_id,
        next_best_step,
        reason
    from ranked
    where place = 1
)

select * from final
