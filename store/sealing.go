package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/refundry/refundry/secret"
	"github.com/refundry/refundry/store/sqldb"
)

const (
	// sealingLife is how long a process may go by an earlier look at which master
	// key seals.
	sealingLife = time.Second
	// sealingWait bounds that look.
	sealingWait = 5 * time.Second
	// resealPage is how many values are sealed anew in one commit.
	resealPage = 200
	// resealPasses bounds how often what is left is sealed anew.
	resealPasses = 5
)

// sealing is which master key seals, as it was a moment ago.
type sealing struct {
	mu   sync.Mutex
	key  string
	read time.Time
}

// id returns the key's id: the first of the keyring's where the database has none.
func (c *sealing) id(s *Store) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.key != "" && time.Since(c.read) < sealingLife {
		return c.key, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), sealingWait)
	defer cancel()
	began := time.Now()
	values, err := s.checkValues(ctx)
	if err != nil {
		return "", fmt.Errorf("look which master key seals: %w", err)
	}
	if len(values) == 0 {
		return s.keyring.ID(), nil
	}
	c.key, c.read = values[len(values)-1].key, began
	return c.key, nil
}

// forget has the next seal look.
func (c *sealing) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.key = ""
}

// sealedPlace is a table with sealed values.
type sealedPlace struct {
	table string
	// keys are the columns that name a row, and bound the name under which its
	// values are sealed: that of a table and a row.
	keys  []string
	bound string
	row   func(keys []string) string
}

// sealedPlaces are all of them. That no other table has a sealed column is tested
// against the schema.
var sealedPlaces = []sealedPlace{
	{"identities", []string{"dialect", "name"}, "identities", joined},
	{"api_keys", []string{"id"}, keyTable, joined},
	{"endpoints", []string{"merchant_id", "id"}, "endpoints", func(keys []string) string { return keys[1] }},
	{"channel_accounts", []string{"id", "version"}, accountTable, joined},
	{"channel_account_versions", []string{"account_id", "version"}, accountTable, joined},
	{"platform_keys", []string{"id"}, "platform_keys", joined},
	{userTable, []string{"id"}, userTable, joined},
	{"writes", []string{"merchant_id", "key"}, sealedWrites, joined},
	{"refund_numbers", []string{"merchant_id", "value", "namespace"}, sealedWrites, func(keys []string) string { return writeRow(keys[0], keys[1]) }},
}

// texts are the keys as texts, of a table with a name in front.
func (p sealedPlace) texts(table string) []string {
	out := make([]string, len(p.keys))
	for n, key := range p.keys {
		if out[n] = table + key; key == "version" { // the only number
			out[n] = "CAST(" + out[n] + " AS TEXT)"
		}
	}
	return out
}

func joined(keys []string) string { return strings.Join(keys, "/") }

// sealedRow is a row with a sealed value.
type sealedRow struct {
	keys   []string
	sealed string
}

// RotateMasterKey seals everything under the master key with an id, which the keyring
// has, and makes that the database's. It waits for settle after its beginning: until
// then other processes may seal under the one before. It may be ended anywhere and run
// again. told, unless nil, is called after each commit with how many values have been
// sealed anew; its error ends the rotation.
func (s *Store) RotateMasterKey(ctx context.Context, key string, settle time.Duration, told func(done int64) error) (done int64, err error) {
	if err := s.BeginMasterKey(ctx, key); err != nil {
		return 0, err
	}
	began := time.Now()
	if done, err = s.Reseal(ctx, key, told); err != nil {
		return done, err
	}
	select {
	case <-time.After(settle - time.Since(began)):
	case <-ctx.Done():
		return done, ctx.Err()
	}
	// What was sealed meanwhile; once is enough, and twice where a process stood still.
	for pass := 0; ; pass++ {
		more, err := s.Reseal(ctx, key, told)
		if done += more; err != nil {
			return done, err
		}
		if err = s.EndMasterKey(ctx, key); err == nil || pass == resealPasses {
			return done, err
		}
	}
}

// BeginMasterKey notes that a master key, which the keyring has besides the
// database's, is about to replace that: every process seals under it from a moment
// later on. Calling it again goes on with what was begun. Errors: secret.ErrOtherKey
// if a rotation to another key was begun.
func (s *Store) BeginMasterKey(ctx context.Context, key string) error {
	sealed, err := s.keyring.SealUnder(key, []byte(checkText), "platform_keys", sealedColumn, nextID)
	if err == nil {
		err = s.write(ctx, func(q sqldb.Querier) error {
			if err := lockPlatformKeys(ctx, q); err != nil {
				return err
			}
			return s.addCheck(ctx, q, nextID, key, sealed)
		})
	}
	var values []checkValue
	if err == nil {
		values, err = s.checkValues(ctx)
	}
	s.sealing.forget()
	if err != nil {
		return fmt.Errorf("begin with a master key: %w", err)
	}
	if next := values[len(values)-1]; next.key != key {
		return fmt.Errorf("begin with master key %s: %w: a rotation to %s was begun (hint: end it first, with that key)", key, secret.ErrOtherKey, next.key)
	}
	return nil
}

// Reseal seals what is sealed under other keys under the given one, a page after the
// other, and returns how many values it changed. It may be ended anywhere and run
// again. told is called after each page; its error ends the run. A value that can't be
// opened is an error once the others are done.
func (s *Store) Reseal(ctx context.Context, key string, told func(done int64) error) (done int64, err error) {
	var problems []error
	for _, place := range sealedPlaces {
		for {
			rows, err := s.sealedUnderOthers(ctx, place, key)
			if err != nil {
				return done, fmt.Errorf("read sealed values of %s: %w", place.table, err)
			}
			changed, problem, err := s.resealRows(ctx, place, key, rows)
			if err != nil {
				return done, fmt.Errorf("seal values of %s anew: %w", place.table, err)
			}
			if done += changed; changed > 0 && told != nil {
				if err := told(done); err != nil {
					return done, err
				}
			}
			if changed == 0 || len(rows) < resealPage && problem == nil {
				problems = append(problems, problem)
				break
			}
		}
	}
	return done, errors.Join(problems...)
}

// sealedUnderOthers are some rows of a table that are sealed under other keys. The
// check values stay as they are.
func (s *Store) sealedUnderOthers(ctx context.Context, place sealedPlace, key string) (rows []sealedRow, err error) {
	text := `SELECT ` + strings.Join(place.texts("t."), ", ") + `, t.sealed FROM ` + place.table + ` t
		WHERE t.sealed <> '' AND SUBSTR(t.sealed, 1, LENGTH(CAST($1 AS TEXT)) + 4) <> 'v1.' || $1 || '.'`
	args := []any{key, int64(resealPage)}
	if place.table == "platform_keys" {
		text += ` AND t.purpose <> '` + checkID + `'`
	}
	err = s.Read(ctx, func(q sqldb.Querier) error {
		rows = nil
		return q.Query(ctx, text+` LIMIT $2`, args, func(scan func(...any) error) error {
			row := sealedRow{keys: make([]string, len(place.keys))}
			into := make([]any, 0, len(place.keys)+1)
			for n := range row.keys {
				into = append(into, &row.keys[n])
			}
			err := scan(append(into, &row.sealed)...)
			rows = append(rows, row)
			return err
		})
	})
	return rows, err
}

// resealRows takes rows through one commit. Each is a compare-and-set: one that was
// changed meanwhile is found again. problem is about those that can't be opened.
func (s *Store) resealRows(ctx context.Context, place sealedPlace, key string, rows []sealedRow) (changed int64, problem, err error) {
	var statements []sqldb.Statement
	for _, row := range rows {
		name := place.row(row.keys)
		plain, err := s.unseal(row.sealed, place.bound, name)
		if err != nil {
			problem = errors.Join(problem, err)
			continue
		}
		sealed, err := s.keyring.SealUnder(key, plain, place.bound, sealedColumn, name)
		if err != nil {
			return 0, nil, err
		}
		text, args := `UPDATE `+place.table+` SET sealed = $1 WHERE sealed = $2`, []any{sealed, row.sealed}
		for n, column := range place.texts("") {
			text += fmt.Sprintf(" AND %s = $%d", column, n+3)
			args = append(args, row.keys[n])
		}
		statements = append(statements, sqldb.Statement{SQL: text, Args: args})
	}
	if len(statements) == 0 {
		return 0, problem, nil
	}
	err = s.write(ctx, func(q sqldb.Querier) error {
		changed, err = sqldb.Sent(ctx, q, statements)
		return err
	})
	s.directory.forget()
	return changed, problem, err
}

// EndMasterKey makes the key that BeginMasterKey named the database's: the one before
// opens nothing from then on. It changes nothing while a value is sealed under another.
func (s *Store) EndMasterKey(ctx context.Context, key string) error {
	counts, err := s.SealedCounts(ctx)
	if err != nil {
		return err
	}
	for id, n := range counts {
		if id != key && n > 0 {
			return fmt.Errorf("end the rotation to master key %s: %d values are sealed under %s still", key, n, id)
		}
	}
	sealed, err := s.keyring.SealUnder(key, []byte(checkText), "platform_keys", sealedColumn, checkID)
	if err == nil {
		err = s.write(ctx, func(q sqldb.Querier) error {
			if err := lockPlatformKeys(ctx, q); err != nil {
				return err
			}
			_, err := q.Send(ctx, []sqldb.Statement{
				{SQL: `UPDATE platform_keys SET certificate = CASE WHEN public = $2 THEN certificate ELSE TRIM(certificate || ' ' || public) END,
					public = $2, sealed = $3 WHERE id = $1`, Args: []any{checkID, key, sealed}},
				{SQL: `DELETE FROM platform_keys WHERE id = $1`, Args: []any{nextID}},
			})
			return err
		})
	}
	s.sealing.forget()
	if err != nil {
		return fmt.Errorf("end the rotation to master key %s: %w", key, err)
	}
	return nil
}

// NextMasterKey is the id of the master key that is about to replace the database's,
// "" while no rotation is under way.
func (s *Store) NextMasterKey(ctx context.Context) (string, error) {
	values, err := s.checkValues(ctx)
	if err != nil {
		return "", fmt.Errorf("look for a rotation of the master key: %w", err)
	}
	if len(values) > 0 && values[len(values)-1].row == nextID {
		return values[len(values)-1].key, nil
	}
	return "", nil
}

// SealedCounts counts the sealed values by the id of the master key that opens them,
// without the check values.
func (s *Store) SealedCounts(ctx context.Context) (map[string]int64, error) {
	const start, length = 4, 8 // "v1.", and an id's
	counts := make(map[string]int64)
	for _, place := range sealedPlaces {
		text := fmt.Sprintf(`SELECT SUBSTR(t.sealed, %d, %d), COUNT(*) FROM %s t WHERE t.sealed <> ''`, start, length, place.table)
		if place.table == "platform_keys" {
			text += ` AND t.purpose <> '` + checkID + `'`
		}
		err := s.Read(ctx, func(q sqldb.Querier) error {
			return q.Query(ctx, text+` GROUP BY 1`, nil, func(scan func(...any) error) error {
				var id string
				var n int64
				err := scan(&id, &n)
				counts[id] += n
				return err
			})
		})
		if err != nil {
			return nil, fmt.Errorf("count sealed values: %w", err)
		}
	}
	return counts, nil
}
