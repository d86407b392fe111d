select
    from_step,
    sum(share) as shares
from marts.journey_paths
group by from_step
-- Each share is rounded to six digits.
having abs(sum(share) - 1) > 0.000001 * count(*)
