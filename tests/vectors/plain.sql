-- Scheme v1 a third time, from the text of docs/protocol.md and docs/person-keys.md, as macros of DuckDB and nothing else.
-- AES and Ed25519 are not here: SQL has no such functions. Nor is NFKD: of it, DuckDB has the part that takes marks off.

-- White space is what Unicode calls so; in DuckDB's expressions \s is ASCII only.
CREATE MACRO space() AS '\t\n\x{0b}\f\r \x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}';
CREATE MACRO capitals(written) AS upper(replace(written, 'ß', 'ss'));
CREATE MACRO without(written, characters) AS regexp_replace(written, '[' || characters || ']', '', 'g');
CREATE MACRO trimmed(written) AS
    regexp_replace(regexp_replace(written, '^[' || space() || ']+', ''), '[' || space() || ']+$', '');

-- Numbers (2.1): the identifier, or ! and the reason.
CREATE MACRO remainder(nine) AS
    list_sum(list_transform(range(1, 10), lambda i: substr(nine, i, 1)::INTEGER * CASE i WHEN 9 THEN -1 ELSE 10 - i END)) % 11;
CREATE MACRO number_of(kind, form, cleaned) AS CASE
    WHEN form = 'loonheffing'
        THEN CASE WHEN regexp_full_match(cleaned, '[0-9]{9}L[0-9]{2}') THEN substr(cleaned, 1, 9) ELSE '?' END
    WHEN kind IN ('bsn', 'rsin') AND length(cleaned) = 8 THEN '0' || cleaned
    ELSE cleaned END;
CREATE MACRO length_of(kind) AS
    CASE kind WHEN 'v_number' THEN 10 WHEN 'kvk' THEN 8 WHEN 'vestiging' THEN 12 WHEN 'bag' THEN 16 ELSE 9 END;
CREATE MACRO judged(kind, digits) AS CASE
    WHEN NOT regexp_full_match(digits, '[0-9]+') THEN '!not_digits'
    WHEN length(digits) <> length_of(kind) THEN '!wrong_length'
    WHEN regexp_full_match(digits, '0+') THEN '!unknown_value'
    WHEN kind IN ('bsn', 'rsin') AND remainder(digits) <> 0 THEN '!check_failed'
    WHEN kind = 'bag' AND substr(digits, 5, 2) <> '20' THEN '!wrong_shape'
    ELSE digits END;
CREATE MACRO judged_wage_number(cleaned) AS CASE
    WHEN NOT regexp_full_match(cleaned, '[0-9]{9}L[0-9]{2}') THEN '!wrong_shape'
    WHEN starts_with(cleaned, '000000000') THEN '!unknown_value'
    WHEN remainder(substr(cleaned, 1, 9)) <> 0 THEN '!check_failed'
    ELSE cleaned END;
CREATE MACRO number_without(written) AS coalesce(without(capitals(written), space() || '.\-'), '');
CREATE MACRO number_identifier(kind, form, written) AS CASE
    WHEN number_without(written) = '' THEN '!missing'
    WHEN kind = 'loonheffing' THEN judged_wage_number(number_without(written))
    ELSE judged(kind, number_of(kind, form, number_without(written))) END;

-- Addresses (2.2).
CREATE MACRO whole_number(written) AS coalesce(regexp_replace(trimmed(written), '^([0-9]+)[.,]0+$', '\1'), '');
CREATE MACRO floor_of(suffix) AS regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(suffix,
    '^I(?:HOOG|HG)+$', '1'), '^II(?:HOOG|HG)*$', '2'), '^III(?:HOOG|HG)*$', '3'), '^IV(?:HOOG|HG)*$', '4'), '([0-9])(?:HOOG|HG)+$', '\1');
CREATE MACRO added(suffix) AS regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(floor_of(suffix),
    '(?:HUIS|HS)$', 'H'), 'BIS(.?)$', 'BS\1'), 'ROOD$', 'RD'), 'ZWART$', 'ZW'), 'TEGENOVER$', 'TO');
CREATE MACRO plain_letters(written) AS without(capitals(written), '^A-Z0-9');
CREATE MACRO suffix_of(behind, letter, addition) AS
    added(CASE WHEN behind IN (letter, letter || addition) THEN '' ELSE behind END || letter || addition);
CREATE MACRO address_of(postcode, house, letter, addition) AS CASE
    WHEN postcode = '' OR house = '' THEN '!missing'
    WHEN NOT regexp_full_match(postcode, '[1-9][0-9]{3}[A-Z]{2}') OR NOT regexp_matches(house, '^0*[1-9][0-9]{0,4}([^0-9]|$)')
        THEN '!wrong_shape'
    ELSE postcode || '|' || regexp_extract(house, '^0*([0-9]+)', 1) || '|'
        || suffix_of(plain_letters(regexp_replace(house, '^[0-9]+', '')), plain_letters(letter), plain_letters(addition)) END;
CREATE MACRO address_identifier(postcode, house, letter, addition) AS address_of(
    number_without(postcode), whole_number(house), whole_number(letter), whole_number(addition));

-- The parts of person keys (2.3).
CREATE MACRO particle() AS '(?:VAN|DER|DEN|DE|HET|''T|''S|TEN|TER|TE|OP|IN|UIT|AAN|BY|VOOR|ONDER|OVER|TOT|VD|VON|ZU|DI|DA|DOS|DU|LA|LE|LES|EL|AL)';
CREATE MACRO two_letters(letters) AS
    replace(replace(replace(replace(replace(letters, 'Æ', 'AE'), 'Œ', 'OE'), 'Þ', 'TH'), 'ẞ', 'SS'), 'IJ', 'Y');
CREATE MACRO folded(written) AS two_letters(translate(
    regexp_replace(strip_accents(capitals(translate(written, '’‘ʼ`´', repeat(chr(39), 5)))), '\p{M}', '', 'g'), 'ŁØĐÐĲ', 'LODDY'));
CREATE MACRO letters_of(written) AS without(folded(written), '^A-Z');
CREATE MACRO bare(plain) AS regexp_replace(
    regexp_replace(plain, '(^|[' || space() || ',\-])(?:' || particle() || '[' || space() || ',\-]+)+', ' ', 'g'),
    '[' || space() || ',\-]+' || particle() || '$', '');
CREATE MACRO name_of(written) AS
    list_filter([coalesce(nullif(without(bare(replace(replace(folded(written), 'V/D', 'VD'), '.', '')), '^A-Z'), ''), letters_of(written))],
        lambda name: name NOT IN ('', 'ONBEKEND', 'UNKNOWN', 'NNB', 'NVT', 'NAAMLOOS', 'GEENVOORNAAM', 'TEST'))[1];
CREATE MACRO sounds() AS [
    ['SCH|SJ|SH', 'S'], ['TSCH|TCH|CZ|TJ', 'S'], ['CH|GH|KH', 'G'], ['PH', 'F'], ['DT|TH|DH', 'T'], ['CK|QU|CQ', 'K'], ['CE|CI|CY', 'S'],
    ['X', 'KS'], ['C|Q', 'K'], ['D', 'T'], ['V|W', 'F'], ['Z', 'S'], ['B', 'P'], ['M', 'N']];
CREATE MACRO classes(name) AS list_reduce(
    list_prepend(name, list_transform(sounds(), lambda rule: rule[1] || ':' || rule[2])),
    lambda word, rule: regexp_replace(word, split_part(rule, ':', 1), split_part(rule, ':', 2), 'g'));
CREATE MACRO without_vowels(word) AS
    regexp_replace(substr(word, 1, 1), '[AEIOUYJH]', 'A') || regexp_replace(substr(word, 2), '[AEIOUYJH]', '', 'g');
CREATE MACRO doubles_once(code) AS regexp_replace(code,
    '(?:(F)F|(G)G|(K)K|(L)L|(N)N|(P)P|(R)R|(S)S|(T)T)', '\1\2\3\4\5\6\7\8\9', 'g');
CREATE MACRO longer(word, least) AS CASE WHEN length(word) >= least THEN word END;
CREATE MACRO sound_of(name) AS longer(doubles_once(without_vowels(classes(name))), 2);

CREATE MACRO time_behind() AS '(?:[ T][0-9]{2}:[0-9]{2}[0-9:.+Z\-]*)?$';
CREATE MACRO iso() AS '^([0-9]{4})[-/]?([0-9]{2})[-/]?([0-9]{2})' || time_behind();
CREATE MACRO dutch() AS '^([0-9]{1,2})[-/.]([0-9]{1,2})[-/.]([0-9]{4})' || time_behind();
CREATE MACRO numbers_of(y, m, d) AS [y::INTEGER, m::INTEGER, d::INTEGER];
CREATE MACRO read_date(written) AS CASE
    WHEN regexp_matches(written, iso())
        THEN numbers_of(regexp_extract(written, iso(), 1), regexp_extract(written, iso(), 2), regexp_extract(written, iso(), 3))
    WHEN regexp_matches(written, dutch())
        THEN numbers_of(regexp_extract(written, dutch(), 3), regexp_extract(written, dutch(), 2), regexp_extract(written, dutch(), 1))
    WHEN regexp_full_match(written, '[0-9]{4}[-/][0-9]{2}') THEN numbers_of(substr(written, 1, 4), substr(written, 6, 2), '0')
    WHEN regexp_full_match(written, '[0-9]{1,2}[-/.][0-9]{4}')
        THEN numbers_of(right(written, 4), regexp_extract(written, '^[0-9]+'), '0')
    WHEN regexp_full_match(written, '[0-9]{4}') THEN numbers_of(written, '0', '0')
    END;
CREATE MACRO possible(date) AS CASE
    WHEN date[1] BETWEEN 1850 AND 2100 AND date[2] <= 12 AND date[3] <= 31 AND NOT (date[1] = 1900 AND date[2] <= 1 AND date[3] <= 1)
    THEN [date[1], nullif(date[2], 0), CASE WHEN date[2] > 0 THEN nullif(date[3], 0) END] END;
CREATE MACRO birth_of(written) AS possible(read_date(trimmed(written)));
CREATE MACRO days_of(birth) AS
    CASE WHEN birth[3] IS NOT NULL THEN format('{:02d}{:02d}', least(birth[2], birth[3]), greatest(birth[2], birth[3])) END;

-- Every part of the people in a table, in the order of its column `place_in_file`.
CREATE MACRO parts_of(people) AS TABLE
    WITH once AS (
        SELECT place_in_file, name_of(given_name) AS given, name_of(surname) AS family, birth_of(birth_date) AS born,
            without(capitals(postcode), '^A-Z0-9') AS code, regexp_extract(house_number, '[0-9]+') AS digits,
            letters_of(street) AS way, letters_of(place) AS town
        FROM query_table(people)),
    named AS (
        SELECT *, longer(given, 2) AS one, longer(family, 2) AS other, days_of(born) AS days FROM once),
    sounded AS (
        SELECT *, sound_of(one) AS one_sound, sound_of(other) AS other_sound FROM named)
    SELECT
        CASE WHEN one || other IS NOT NULL THEN least(one, other) || '+' || greatest(one, other) END AS names,
        CASE WHEN one || other IS NOT NULL THEN least(one[1:3], other[1:3]) END AS first_letters,
        CASE WHEN one || other IS NOT NULL THEN greatest(one[1:3], other[1:3]) END AS last_letters,
        CASE WHEN one_sound || other_sound IS NOT NULL THEN least(one_sound, other_sound) END AS first_sound,
        CASE WHEN one_sound || other_sound IS NOT NULL THEN greatest(one_sound, other_sound) END AS last_sound,
        given[1:1] AS given_initial, one[1:3] AS given_letters, right(one, 3) AS given_end,
        one AS given_name, one_sound AS given_sound,
        other AS surname_name, other[1:3] AS surname_letters, other_sound AS surname_sound, right(other, 3) AS surname_end,
        born[1] || days AS birth, born[1]::VARCHAR AS birth_year, born[1] || '-' || born[2] AS birth_year_month, days AS birth_day,
        nullif(code, '') AS postcode, nullif(ltrim(digits, '0'), '') AS house,
        longer(way, 4)[1:6] AS street_letters, nullif(town, '') AS place
    FROM sounded ORDER BY place_in_file;

-- Keys and pseudonyms (3).
CREATE MACRO xored(key, mask) AS unhex(array_to_string(list_transform(
    regexp_extract_all(rpad(hex(key), 128, '0'), '..'), lambda byte: format('{:02x}', xor(('0x' || byte)::INTEGER, mask))), ''));
CREATE MACRO hmac_sha256(key, message) AS
    unhex(sha256(xored(key, 92) || unhex(sha256(xored(key, 54) || message))));
CREATE MACRO hkdf_sha256(secret, info) AS
    hmac_sha256(hmac_sha256(unhex(repeat('00', 32)), secret), encode(info) || unhex('01'));
CREATE MACRO subkey(secret, purpose) AS lower(hex(hkdf_sha256(unhex(secret), 'lsi-match/v1/' || purpose)));
CREATE MACRO keyed(key, written) AS lower(substr(hex(hmac_sha256(encode(key), encode(written))), 1, 32));

-- Record references before encryption (5), and part ranges (6).
CREATE MACRO block(record_id, place) AS lower(CASE
    WHEN octet_length(encode(record_id)) > 15 THEN repeat('0', 16) || format('{:016x}', place)
    ELSE rpad(format('{:02x}', octet_length(encode(record_id))) || hex(encode(record_id)), 32, '0') END);
CREATE MACRO part_of(pseudonym, parts) AS ('0x' || substr(pseudonym, 1, 4))::INTEGER * parts // 65536;

-- A part of a drop (6), in hex: the cell of row `place` in the column that begins `start` bytes after the beginning.
CREATE MACRO cell(part, start, width, place) AS lower(substr(part, 1 + 2 * (start + width * place), 2 * width));
CREATE MACRO little_endian(cell) AS
    ('0x' || array_to_string(list_reverse(regexp_extract_all(cell, '..')), ''))::UBIGINT;

-- What is signed (1).
CREATE MACRO pre_authentication_encoding(payload_type, payload) AS
    encode('DSSEv1 ' || length(payload_type) || ' ' || payload_type || ' ' || octet_length(encode(payload)) || ' ' || payload);

-- A project key made together (keys.md): commitments, the transcript, the key.
CREATE MACRO domain_hash(domain, canonical) AS
    'sha256:' || sha256(encode('lsi-match/v1/' || domain) || unhex('00') || encode(canonical));
CREATE MACRO key_together(project, epoch, transcript, contributions) AS lower(hex(hmac_sha256(
    hmac_sha256(unhex(replace(transcript, 'sha256:', '')), unhex(contributions)),
    encode('lsi-match/v1/project-key/' || project || '/' || epoch) || unhex('01'))));

-- The log (9): leaves, nodes, the hash of details.
CREATE MACRO leaf_hash(leaf) AS sha256(unhex('00') || encode(leaf));
CREATE MACRO node_hash(l, r) AS sha256(unhex('01' || l || r));
CREATE MACRO hash_of_details(salt, canonical) AS 'sha256:' || sha256(unhex(salt) || encode(canonical));
