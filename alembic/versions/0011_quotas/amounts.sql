-- Rounded half to even, as `domain.limits.formulas.converted` rounds.
create function app.half_even(amount numeric) returns bigint immutable parallel safe language sql
return (case
    when abs(amount - trunc(amount)) = 0.5 and mod(trunc(amount), 2) = 0 then trunc(amount) else round(amount)
end)::bigint;

-- The same of a sum that no amount of ours can be: what each of many limits may be granted is more than there is.
create function app.half_even_sum(amount numeric) returns numeric immutable parallel safe language sql
return case
    when abs(amount - trunc(amount)) = 0.5 and mod(trunc(amount), 2) = 0 then trunc(amount) else round(amount)
end;

-- The largest amount that comes to no more than `most` when converted at the rate.
create function app.most_converted(most bigint, rate numeric) returns bigint immutable parallel safe language sql
return case
    when rate = 1 then most
    else least(
        div(2 * most::numeric + 1, 2 * rate)
        - (case when mod(2 * most::numeric + 1, 2 * rate) = 0 and most % 2 = 1 then 1 else 0 end),
        9223372036854775807
    )::bigint
end;

-- An amount as the graph shows it: in major units, with all the currency's decimal places. The currencies that have
-- not two of them stand here as well as in `bank.currency`: so PostgreSQL writes the function into the query. Stable, as
-- what makes the object is: a function said to be more than what it is made of is called instead, row by row.
create function app.money(minor numeric, currency text) returns jsonb stable parallel safe language sql
return jsonb_build_object(
    'amount',
    (
        minor * case
            when currency in ('JPY', 'KRW', 'VND') then 1
            when currency in ('BHD', 'KWD', 'OMR') then 0.001
            else 0.01
        end
    )::text,
    'currency', currency
);
