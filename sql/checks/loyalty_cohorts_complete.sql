-- Month 0 and every month up to the last: a cohort has as many rows as its last month's number, plus one.
select
    cohort_month,
    count(*) as months,
    max(months_since) as last_month
from marts.loyalty_cohorts
group by cohort_month
having count(*) <> max(months_since) + 1
    or min(cohort_customers) <> max(cohort_customers)
    or max(active_customers) <> max(cohort_customers)
