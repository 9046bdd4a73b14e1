-- Of every fifty companies some belong together, told by the later one, so that the other is there already:
-- 2 is owned by 1; 3 by 1 and 2 together; 7 is controlled by 6; 12 is guaranteed by 11; 22 and 23 hold each other.
insert into bank.client_link (
    branch_id, id, client_id, kind, direction, related_country, related_number, related_name, share, currency,
    amount_minor, valid_from, source, reference, recorded_at
)
select
    draft_client.branch_id,
    pg_temp.id('link', draft_client.n * 4 + link_no),
    draft_client.client_id,
    link.kind,
    link.direction,
    other.registration_country,
    other.registration_number,
    other.legal_name,
    link.share,
    case when link.kind = 'GUARANTEE' then 'CNY' end,
    case when link.kind = 'GUARANTEE' then round(revenue / 1000000)::bigint * 10000000 + 10000000 end,
    greatest(draft_client.established_on, other.established_on) + 200,
    'demo',
    'L-' || lpad(draft_client.n::text, 8, '0') || '-' || link_no,
    greatest(draft_client.established_on, other.established_on) + 210 + time '09:00'
from draft_client
join (values
    (2, 1, 1, 'OWNERSHIP', 'INWARD', .60),
    (3, 1, 2, 'OWNERSHIP', 'INWARD', .30),
    (3, 2, 1, 'OWNERSHIP', 'INWARD', .25),
    (7, 1, 1, 'CONTROL', 'INWARD', null),
    (12, 1, 1, 'GUARANTEE', 'INWARD', null),
    (23, 1, 1, 'OWNERSHIP', 'INWARD', .55),
    (23, 2, 1, 'OWNERSHIP', 'OUTWARD', .51),
    (24, 1, 1, 'OWNERSHIP', 'INWARD', .20)
) as link (place, link_no, back, kind, direction, share) on link.place = draft_client.n % 50
join bank.client as other
    on other.branch_id = any (app.branches()) and other.id = pg_temp.id('client', draft_client.n - link.back)
order by draft_client.branch_id, draft_client.n, link_no;
