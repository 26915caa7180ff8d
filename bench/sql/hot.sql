\set charge 4242
\set merchant 43
\set n random(1, 9000000000000000000)
SELECT reference_refund(:merchant, :charge, 100, 'key_' || (:n::bigint)::text, '\x00112233445566778899aabbccddeeff', 're_' || (:n::bigint)::text, :body);
