-- Names are made of the company's number by a one-to-one scrambling, so no two are alike; likewise the unified
-- social credit code (GB 32100-2015): 91, the province, an organisation code with its own check digit
-- (GB 11714: weights 3 7 9 10 5 8 4 2, modulo 11), and the check character (weights 3^i mod 31, modulo 31).
with scrambled as materialized (
    select
        draft_client.*,
        company * 7368787 % 16777216 as brand,
        company * 612345677 % 887503681 as organisation,
        pg_temp.chance(company, 'language') < .5 as in_chinese
    from draft_client
),
spelt as materialized (
    select
        scrambled.*,
        array[
            'hua', 'xin', 'rui', 'feng', 'heng', 'tai', 'sheng', 'ming', 'yuan', 'long', 'xiang', 'fu', 'guang',
            'jin', 'yin', 'tong', 'da', 'kang', 'an', 'jia', 'le', 'mei', 'hao', 'you', 'cheng', 'he', 'zhong',
            'guo', 'bang', 'wei', 'ye', 'xing', 'dong', 'nan', 'bei', 'hai', 'shan', 'shang', 'jiang', 'hu', 'tian',
            'di', 'ren', 'zhi', 'li', 'yi', 'de', 'shun', 'ping', 'chang', 'yong', 'jiu', 'wan', 'qian', 'bai',
            'san', 'shuang', 'yu', 'song', 'bo', 'ke', 'chuang', 'neng', 'lian'
        ] as pinyin,
        '华鑫瑞丰恒泰盛明源隆祥富广金银通达康安佳乐美浩友诚合众国邦威业兴东南北海山和江湖天地仁智力益德顺平昌永久万千百三双宇松博科创能联'
            as characters,
        '91' || region_code || organisation_code as without_check
    from scrambled
    cross join lateral (
        select 'MA' || string_agg(
            substr('0123456789ABCDEFGHJKLMNPQRTUWXY', 1 + (organisation / power31 % 31)::int, 1), '' order by power31
        ) as eight
        from unnest('{1,31,961,29791,923521,28629151}'::bigint[]) as power31
    ) as digits
    cross join lateral (
        select eight || substr(
            '0X987654321',
            1 + (
                sum(weight * (strpos('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ', substr(eight, place::int, 1)) - 1))
                % 11
            )::int,
            1
        ) as organisation_code
        from unnest('{3,7,9,10,5,8,4,2}'::int[]) with ordinality as weights (weight, place)
    ) as checked
),
numbered as materialized (
    select
        spelt.*,
        without_check || (
            select substr(
                '0123456789ABCDEFGHJKLMNPQRTUWXY',
                1 + (
                    31 - sum(
                        weight
                        * (strpos('0123456789ABCDEFGHJKLMNPQRTUWXY', substr(without_check, place::int, 1)) - 1)
                    ) % 31
                )::int % 31,
                1
            )
            from unnest('{1,3,9,27,19,26,16,17,20,29,25,13,8,24,10,30,28}'::int[])
                with ordinality as weights (weight, place)
        ) as registration_number
    from spelt
)
insert into bank.client (
    branch_id, id, registration_country, registration_number, legal_name, legal_representative, currency,
    registered_capital_minor, industry_scheme, industry_code, size_class, employees, established_on,
    relationship_since, region_code, city, address, email, credit_grade, graded_on, relationship_manager_id,
    status, watch_list, national_key_project, created_at, updated_at
)
select
    branch_id,
    client_id,
    'CN',
    registration_number,
    case
        when in_chinese then
            city_zh
            || substr(characters, 1 + (brand % 64)::int, 1)
            || substr(characters, 1 + (brand / 64 % 64)::int, 1)
            || substr(characters, 1 + (brand / 4096 % 64)::int, 1)
            || substr(characters, 1 + (brand / 262144)::int, 1)
            || word_zh || '有限公司'
        else
            city
            || ' ' || initcap(pinyin[1 + brand % 64] || pinyin[1 + brand / 64 % 64])
            || ' ' || initcap(pinyin[1 + brand / 4096 % 64] || pinyin[1 + brand / 262144])
            || ' ' || word || ' Co., Ltd.'
    end,
    pg_temp.person(company, 'representative'),
    'CNY',
    -- In whole 10,000 yuan.
    greatest(10, round(revenue / turnover * (.08 + .12 * pg_temp.chance(company, 'capital')) / 10000))::bigint
        * 10000 * 100,
    'GB/T 4754',
    industry_code,
    size_class,
    employees_from + floor((employees_to - employees_from) * pg_temp.cube(within_size))::int,
    established_on,
    relationship_since,
    region_code,
    city,
    'No. ' || 1 + floor(400 * pg_temp.chance(company, 'address'))::int || ', '
        || pg_temp.pick('{Renmin,Jiefang,Zhongshan,Jianshe,Xinhua,Gongye}', pg_temp.chance(company, 'road'))
        || ' Road, ' || city,
    'office' || company || '@example.com',
    case when status <> 'PROSPECT' then grade end,
    case when status <> 'PROSPECT' then date '2024-12-15' - floor(300 * pg_temp.chance(n, 'graded'))::int end,
    relationship_manager_id,
    status,
    case
        when days_stopped > 90 or grade = 'C' and status <> 'PROSPECT' and pg_temp.chance(n, 'watched') < .15 then 'RED'
        when days_stopped > 0 or grade <> 'A' and status <> 'PROSPECT' and pg_temp.chance(n, 'watched') < .06
            then 'AMBER'
    end,
    size_class = 'LARGE' and trade in ('build', 'heavy') and grade <> 'C' and pg_temp.chance(company, 'key') < .06,
    relationship_since + time '09:00',
    relationship_since + time '09:00'
from numbered
join (select n, days_stopped from draft_behaviour) as behaviour using (n)
order by branch_id, client_id;
