-- Which topics do we not solve at the first contact?
-- All matters that are judged, by topic: what was solved, and what happened to the rest. One matter may fail in several ways.
select
    topic,
    sum(judged) as judged,
    div_round(sum(resolved_first), sum(judged), 3) as solved_first,
    div_round(sum(transferred), sum(judged), 3) as transferred,
    div_round(sum(reopened), sum(judged), 3) as reopened,
    div_round(sum(asked_again), sum(judged), 3) as asked_again
from marts.first_contact_resolution
group by topic
having sum(judged) >= 10
order by solved_first, topic
