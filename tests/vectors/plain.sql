-- Scheme v1 a third time, from the text of docs/protocol.md and docs/person-keys.md, as macros of DuckDB and nothing else.
-- AES and Ed25519 are not here: SQL has no such functions. Nor is NFKD: of it, DuckDB has the part that takes marks off.

-- White space is what Unicode calls so; in DuckDB's expressions \s is ASCII only.
CREATE MACRO space() AS '\t\n\x{0b}\f\r \x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}';
CREATE MACRO capitals(written) AS upper(replace(written, 'ß', 'ss'));
CREATE MACRO without(written, characters) AS regexp_replace(written, '[' || characters || ']', '', 'g');
CREATE MACRO trimmed(written) AS
    regexp_replace(regexp_replace(written, '^[' || space() || ']+', ''), '[' || space() || ']+$', '');

-- The lists of section 2, in the folder that the variable `lists` names: which lines there are is part of the protocol.
CREATE MACRO lines_of(name) AS TABLE FROM read_csv(getvariable('lists') || '/' || name || '.csv', header = true, all_varchar = true);
CREATE TABLE placeholders AS SELECT field AS fld, value AS val FROM lines_of('placeholders');
CREATE TABLE letters AS SELECT letter AS l, latin AS f FROM lines_of('letters');
CREATE TABLE house_words AS SELECT written AS w, kind AS k, coalesce(form, '') AS f FROM lines_of('house_number_words');
CREATE TABLE street_words AS SELECT written AS w, kind AS k, form AS f FROM lines_of('street_words');
CREATE TABLE call_names AS SELECT written AS w, name AS n, coalesce(also, name) AS a FROM lines_of('call_names');
CREATE TABLE place_names AS SELECT written AS w, name AS n FROM lines_of('place_names');
CREATE MACRO listed(of_field) AS (SELECT list(val) FROM placeholders WHERE fld = of_field);
CREATE MACRO house_list(of_kind) AS (SELECT string_agg(w, '|') FROM house_words WHERE k = of_kind);
CREATE MACRO has_letter(written) AS regexp_matches(coalesce(written, ''), '[\p{L}\p{N}]');
CREATE MACRO written_in(written) AS CASE WHEN has_letter(written) THEN capitals(trimmed(written)) ELSE '' END;
CREATE MACRO says_unknown(written) AS list_contains(listed('word'), without(written, space() || './\-'));

-- Numbers (2.1): the identifier, or ! and the reason.
CREATE MACRO remainder(nine) AS
    list_sum(list_transform(range(1, 10), lambda i: substr(nine, i, 1)::INTEGER * CASE i WHEN 9 THEN -1 ELSE 10 - i END)) % 11;
CREATE MACRO groups_of(kind) AS CASE kind
    WHEN 'v_number' THEN ['1 3 3 3', '3 3 4', '4 3 3', '2 3 3 2'] WHEN 'kvk' THEN ['2 3 3', '4 4', '2 2 2 2']
    WHEN 'vestiging' THEN ['3 3 3 3', '4 4 4', '4 8'] WHEN 'bag' THEN ['4 4 4 4', '4 2 10', '4 12', '1 3 3 3 3 3']
    ELSE ['3 3 3', '4 2 3', '2 2 2 3', '2 3 3', '4 4'] END;
CREATE MACRO with_separator(groups, separator) AS
    replace(regexp_replace(groups, '([0-9]+)', '[0-9]{\1}', 'g'), ' ', separator);
CREATE MACRO grouped(kind) AS '(?:' || list_aggregate(list_concat(
    list_transform(groups_of(kind), lambda g: with_separator(g, '[' || space() || ']+')),
    list_transform(groups_of(kind), lambda g: with_separator(g, '-')),
    list_transform(list_filter(groups_of(kind), lambda g: length(g) - length(replace(g, ' ', '')) > 1), lambda g: with_separator(g, '[.]'))
    ), 'string_agg', '|') || ')';
CREATE MACRO wage_shape() AS '(?:[0-9]{9}|' || grouped('bsn') || ')[' || space() || '.\-]?L[' || space() || '.\-]?[0-9]{2}';
CREATE MACRO digits_of(written) AS without(written, space() || '.\-');
CREATE MACRO longer_of(kind, digits) AS CASE
    WHEN kind IN ('bsn', 'rsin') AND length(digits) = 8 THEN '0' || digits
    WHEN kind = 'bag' AND regexp_full_match(digits, '[1-9][0-9]{0,2}(01|02|03|20)[0-9]{10}') THEN lpad(digits, 16, '0')
    ELSE digits END;
CREATE MACRO length_of(kind) AS
    CASE kind WHEN 'v_number' THEN 10 WHEN 'kvk' THEN 8 WHEN 'vestiging' THEN 12 WHEN 'bag' THEN 16 ELSE 9 END;
CREATE MACRO judged(kind, digits) AS CASE
    WHEN length(digits) <> length_of(kind) THEN '!wrong_length'
    WHEN list_contains(listed(CASE kind WHEN 'rsin' THEN 'bsn' ELSE kind END), digits) THEN '!unknown_value'
    WHEN kind IN ('bsn', 'rsin') AND remainder(digits) <> 0 THEN '!check_failed'
    WHEN kind = 'bag' AND NOT regexp_matches(digits, '^.{4}(01|02|03|20)') THEN '!wrong_shape'
    ELSE digits END;
CREATE MACRO not_in_shape(written) AS CASE
    WHEN regexp_full_match(written, '[+-]?[0-9.,' || space() || ']*[0-9][.,][0-9]+(E[+-]?[0-9]+)?|[+-]?[0-9]+E[+-]?[0-9]+') THEN '!decimal_number'
    WHEN regexp_matches(written, '[^0-9' || space() || '.\-]') THEN '!not_digits' ELSE '!wrong_groups' END;
CREATE MACRO judged_number(kind, form, written) AS CASE
    WHEN form = 'loonheffing' THEN CASE WHEN regexp_full_match(written, wage_shape())
        THEN judged(kind, longer_of(kind, split_part(digits_of(written), 'L', 1))) ELSE '!not_digits' END
    WHEN regexp_full_match(written, '[0-9]+|' || grouped(kind)) THEN judged(kind, longer_of(kind, digits_of(written)))
    ELSE not_in_shape(written) END;
CREATE MACRO judged_wage_number(written) AS CASE
    WHEN NOT regexp_full_match(written, wage_shape()) OR length(digits_of(written)) <> 12 THEN '!wrong_shape'
    WHEN list_contains(listed('bsn'), substr(digits_of(written), 1, 9)) THEN '!unknown_value'
    WHEN remainder(substr(digits_of(written), 1, 9)) <> 0 THEN '!check_failed'
    ELSE digits_of(written) END;
CREATE MACRO number_identifier(kind, form, written) AS CASE
    WHEN written_in(written) = '' THEN '!missing'
    WHEN says_unknown(written_in(written)) THEN '!unknown_value'
    WHEN kind = 'loonheffing' THEN judged_wage_number(written_in(written))
    ELSE judged_number(kind, form, written_in(written)) END;

-- Words between spaces of their own, and phrases by their forms: what was put in stands between other signs meanwhile.
CREATE MACRO in_words(written) AS
    replace(regexp_replace(regexp_replace(written, '[^A-Z0-9]+', '-', 'g'), '([A-Z]+|[0-9]+)', ' \1 ', 'g'), '-', '');
CREATE MACRO as_words(phrase) AS regexp_replace(phrase, '([^ ]+)( |$)', ' \1 ', 'g');
CREATE MACRO phrase_rule(phrase, form) AS as_words(phrase) || '>' || replace(as_words(form), ' ', chr(1));
CREATE MACRO replaced(words, rules) AS replace(list_reduce(list_prepend(words, rules),
    lambda done, rule: replace(done, split_part(rule, '>', 1), split_part(rule, '>', 2))), chr(1), ' ');
CREATE MACRO by_rules(words, rules) AS list_reduce(list_prepend(words, rules),
    lambda done, rule: regexp_replace(done, split_part(rule, '>', 1), split_part(rule, '>', 2), 'g'));

-- Addresses (2.2).
CREATE MACRO whole_number(written) AS coalesce(regexp_replace(written, '^([0-9]+)[.,]0+$', '\1'), '');
CREATE MACRO postcode_of(written) AS regexp_replace(without(written_in(written), space()), '^([1-9][0-9]{3})[.\-]([A-Z]{2})$', '\1\2');
CREATE MACRO judged_postcode(code) AS CASE
    WHEN says_unknown(code) OR list_contains(listed('postcode'), code) THEN '!unknown_value'
    WHEN regexp_full_match(code, '[1-9][0-9]{3}') THEN '!incomplete'
    WHEN NOT regexp_full_match(code, '[1-9][0-9]{3}[A-Z]{2}') THEN '!wrong_shape' ELSE code END;
CREATE MACRO house_of(written) AS whole_number(
    regexp_replace(written_in(written), '^(?:' || house_list('before') || ')[' || space() || '.:]*([0-9])', '\1'));
CREATE MACRO judged_house(house, behind) AS CASE
    WHEN says_unknown(house) THEN '!unknown_value'
    WHEN regexp_matches(house || behind, '[^A-Z0-9' || space() || '–.,/\\''"()_:;\-]') THEN '!other_sign'
    WHEN NOT regexp_matches(house, '^0*[1-9][0-9]{0,4}([^0-9]|$)') THEN '!wrong_shape' ELSE regexp_extract(house, '^0*([0-9]+)', 1) END;
CREATE MACRO long_words() AS (SELECT string_agg(w, '|') FROM house_words WHERE k = 'word' AND length(w) > 1 AND NOT contains(w, ' '));
CREATE MACRO behind(written) AS CASE
    WHEN list_contains((SELECT list(w) FROM house_words WHERE k = 'nothing'), without(written, space() || '.')) THEN ''
    ELSE by_rules(in_words(by_rules(written, [
            '(^|[^A-Z])([A-Z])[./]([A-Z])[./]([A-Z])([^A-Z]|$)>\1\2\3\4\5', '(^|[^A-Z])([A-Z])[./]([A-Z])([^A-Z]|$)>\1\2\3\4'])),
        [' ([A-Z])(' || long_words() || ') > \1  \2 ', ' (' || long_words() || ')([A-Z]) > \1  \2 ']) END;
CREATE MACRO house_rules() AS (SELECT list(phrase_rule(w, CASE k WHEN 'floor' THEN '^' ELSE f END) ORDER BY length(as_words(w)) DESC)
    FROM house_words WHERE k IN ('word', 'floor'));
CREATE MACRO added(words) AS by_rules(replaced(words, house_rules()), list_concat(
    ['( \^ )+> ^ ', ' ([0-9]+)  (?:' || house_list('ordinal') || ')  \^ > \1  ^ '],
    (SELECT list(' ' || w || '  \^ > ' || f || '  ^ ') FROM house_words WHERE k = 'rank'),
    ['^ II $> 2 ', '^ III $> 3 ', '^ IV $> 4 ', ' ([0-9]+)  \^ > \1 ', ' \^  ([0-9]+) > \1 ', ' \^ > HG ',
     ' (?:' || house_list('before') || ')  ([0-9]+) > \1 ', ' 0+([0-9]+) > \1 ',
     '([0-9])  ([0-9])>\1-\2', '([0-9])  ([0-9])>\1-\2', ' >']));
CREATE MACRO marked(letter, apart) AS CASE WHEN apart THEN regexp_replace(letter, '^ ([A-Z]) $', ' \1~ ') ELSE letter END;
CREATE MACRO marked_suffix(rest, letter, addition) AS CASE
    WHEN added(rest) IN (replace(added(letter), '~', ''), replace(added(letter || addition), '~', '')) THEN added(letter || addition)
    ELSE added(rest || letter || addition) END;
CREATE MACRO suffix_of(code, suffix) AS CASE
    WHEN suffix = 'H' THEN coalesce((SELECT any_value(f) FROM house_words WHERE k = 'postcode_of_h' AND starts_with(code, w)), suffix)
    ELSE replace(suffix, '~', '') END;
CREATE MACRO part_behind(written) AS behind(whole_number(capitals(trimmed(written))));
CREATE MACRO judged_address(code, house, rest, letter, addition, apart) AS CASE
    WHEN starts_with(code, '!') THEN code WHEN starts_with(house, '!') THEN house
    ELSE code || '|' || house || '|' || suffix_of(code, marked_suffix(part_behind(rest), marked(part_behind(letter), apart), part_behind(addition))) END;
CREATE MACRO address_identifier(postcode, house, letter, addition, apart) AS CASE
    WHEN postcode_of(postcode) = '' OR house_of(house) = '' THEN '!missing'
    ELSE judged_address(judged_postcode(postcode_of(postcode)),
        judged_house(house_of(house), capitals(coalesce(letter, '') || coalesce(addition, ''))),
        regexp_replace(house_of(house), '^[0-9]+', ''), letter, addition, apart) END;

-- The parts of person keys (2.3).
CREATE MACRO particle() AS '(?:VAN|DER|DEN|DE|HET|''T|''S|TEN|TER|TE|OP|IN|UIT|AAN|BY|VOOR|ONDER|OVER|TOT|VD|VON|ZU|DI|DA|DOS|DU|LA|LE|LES|EL|AL)';
CREATE MACRO letter_rules() AS (SELECT list(l || '>' || f) FROM letters);
CREATE MACRO folded(written) AS CASE WHEN has_letter(written) THEN replace(list_reduce(list_prepend(
    regexp_replace(strip_accents(translate(capitals(written), '’‘ʼʻʿʾ`´Ĳ', repeat(chr(39), 8) || 'Y')), '\p{M}', '', 'g'), letter_rules()),
    lambda done, rule: replace(done, split_part(rule, '>', 1), split_part(rule, '>', 2))), 'IJ', 'Y') ELSE '' END;
CREATE MACRO letters_of(written) AS without(folded(written), '^A-Z');
CREATE MACRO letters_listed(of_field) AS (SELECT list(letters_of(val)) FROM placeholders WHERE fld = of_field);
CREATE MACRO signs() AS '.,/''"()·\x{ad}\x{200b}-\x{200d}\x{2060}\x{feff}\x{2010}-\x{2014}\-';
CREATE MACRO bare(plain) AS regexp_replace(
    regexp_replace(plain, '(^|[' || space() || ',\-])(?:' || particle() || '[' || space() || ',\-]+)+', ' ', 'g'),
    '[' || space() || ',\-]+' || particle() || '$', '');
CREATE MACRO of_use(name) AS CASE WHEN NOT regexp_full_match(name, 'X*') AND NOT list_contains(letters_listed('name'), name) THEN name END;
CREATE MACRO longer(word, least) AS CASE WHEN length(word) >= least THEN word END;
CREATE MACRO without_particles(plain) AS bare(replace(replace(plain, 'V/D', 'VD'), '.', ''));
CREATE MACRO name_of(written) AS CASE WHEN NOT regexp_matches(folded(written), '[^A-Z' || space() || signs() || ']') THEN
    of_use(coalesce(nullif(without(without_particles(folded(written)), '^A-Z'), ''), letters_of(written))) END;
CREATE MACRO words_of(written) AS list_filter(
    regexp_split_to_array(without_particles(folded(written)), '[' || space() || ',\-]+'), lambda word: word <> '');
CREATE MACRO word_of(written, which, whole) AS CASE WHEN whole IS NOT NULL THEN
    coalesce(longer(without(words_of(written)[which], '^A-Z'), 2), whole) END;
CREATE MACRO box_rule() AS '^ (?:' || (SELECT string_agg(val, '|') FROM placeholders WHERE fld = 'po_box') || ') ';
CREATE MACRO other_sign(plain) AS regexp_matches(plain, '[^A-Z0-9&+' || space() || signs() || ']');
CREATE MACRO is_box(written) AS NOT other_sign(folded(written)) AND regexp_matches(in_words(folded(written)), box_rule());
CREATE MACRO street_rules() AS (SELECT list(phrase_rule(replace(w, 'IJ', 'Y'), replace(f, 'IJ', 'Y')) ORDER BY length(as_words(w)) DESC)
    FROM street_words WHERE k = 'word');
CREATE MACRO endings() AS (SELECT list(replace(w, 'IJ', 'Y') || ' >' || replace(f, 'IJ', 'Y') || chr(1) ORDER BY length(w) DESC)
    FROM street_words WHERE k = 'ending');
CREATE MACRO street_form(words) AS replace(regexp_replace(replaced(replaced(words, street_rules()), endings()),
    ' ([0-9]+)  (?:' || (SELECT string_agg(w, '|') FROM street_words WHERE k = 'ordinal') || ') ', ' \1  E ', 'g'), ' ', '');
CREATE MACRO street_of(written) AS CASE WHEN NOT other_sign(folded(written)) AND letters_of(written) <> '' AND NOT is_box(written)
    AND NOT list_contains(list_concat(letters_listed('street'), letters_listed('word')), letters_of(written))
    AND NOT regexp_full_match(in_words(folded(written)), ' X+ ') THEN street_form(in_words(folded(written))) END;
CREATE MACRO place_words(written) AS replace(replaced(in_words(folded(written)),
    [phrase_rule('AAN DEN', 'AD'), phrase_rule('AAN HET', 'AD'), phrase_rule('AAN DE', 'AD'), phrase_rule('A D', 'AD')]), ' ', '');
CREATE MACRO other_names() AS (SELECT map(list(place_words(w)), list(place_words(n))) FROM place_names);
CREATE MACRO place_of(written) AS CASE WHEN NOT other_sign(folded(written)) AND letters_of(written) <> ''
    AND NOT list_contains(list_concat(letters_listed('place'), letters_listed('word')), place_words(written))
    AND NOT regexp_full_match(place_words(written), 'X+')
    THEN coalesce(other_names()[place_words(written)], place_words(written)) END;
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
    WHEN list_contains(listed('birth_date'), format('{:04d}-{:02d}-{:02d}', date[1], date[2], date[3])) THEN NULL
    WHEN date[1] BETWEEN 1850 AND 2100 AND date[2] <= 12 AND date[3] <= 31 AND NOT (date[1] = 1900 AND date[2] <= 1 AND date[3] <= 1)
    THEN [date[1], nullif(date[2], 0), CASE WHEN date[2] > 0 THEN nullif(date[3], 0) END] END;
CREATE MACRO birth_of(written) AS possible(read_date(trimmed(written)));
CREATE MACRO days_of(birth) AS
    CASE WHEN birth[3] IS NOT NULL THEN format('{:02d}{:02d}', least(birth[2], birth[3]), greatest(birth[2], birth[3])) END;

CREATE MACRO known_as() AS (SELECT map(list(name_of(w)), list(name_of(n))) FROM call_names);
CREATE MACRO also_known_as() AS (SELECT map(list(name_of(w)), list(name_of(a))) FROM call_names);

-- Every part of the people in a table, in the order of its column `place_in_file`.
CREATE MACRO parts_of(people) AS TABLE
    WITH once AS (
        SELECT place_in_file, name_of(given_name) AS given, surname, name_of(surname) AS family, birth_of(birth_date) AS born,
            judged_postcode(postcode_of(postcode)) AS code, judged_house(house_of(house_number), '') AS digits,
            is_box(street) AS boxed, street_of(street) AS way, place_of(place) AS town
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
        coalesce(known_as()[one], one) AS given_call, coalesce(also_known_as()[one], one) AS given_other_call,
        one AS given_name, one_sound AS given_sound,
        other AS surname_name, other[1:3] AS surname_letters, other_sound AS surname_sound, right(other, 3) AS surname_end,
        word_of(surname, 1, other)[1:5] AS surname_head, right(word_of(surname, -1, other), 5) AS surname_tail,
        born[1] || days AS birth, born[1]::VARCHAR AS birth_year, born[1] || '-' || born[2] AS birth_year_month, days AS birth_day,
        CASE WHEN NOT boxed AND code NOT LIKE '!%' THEN code END AS postcode,
        CASE WHEN NOT boxed AND digits NOT LIKE '!%' THEN digits END AS house,
        longer(way, 4)[1:6] AS street_letters, town AS place
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
