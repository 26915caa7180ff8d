package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

const (
	sessionColumns = `s.id, s.user_id, s.stage, s.address, s.agent, s.created_at, s.seen_at, s.expires_at`
	sessionByHash  = `SELECT ` + sessionColumns + ` FROM user_sessions s WHERE s.hash = $1`
	sessionsOf     = `SELECT ` + sessionColumns + ` FROM user_sessions s WHERE s.user_id = $1 AND s.stage = 'full' AND s.expires_at > $2 ORDER BY s.seen_at DESC, s.id`
	insertSession  = `INSERT INTO user_sessions (hash, id, user_id, stage, address, agent, created_at, seen_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`
	seeSession = `UPDATE user_sessions SET seen_at = $2, expires_at = $3 WHERE hash = $1 AND seen_at < $2`
	// endSessions ends a user's sessions but one.
	endSessions = `DELETE FROM user_sessions WHERE user_id = $1 AND id <> $2`
	oldSessions = `DELETE FROM user_sessions WHERE expires_at <= $1`
	countTry    = `INSERT INTO sign_in_tries (subject, tries, begun_at) VALUES ($1, 1, $2)
		ON CONFLICT (subject) DO UPDATE SET
			tries = CASE WHEN sign_in_tries.begun_at <= $3 THEN 1 ELSE sign_in_tries.tries + 1 END,
			begun_at = CASE WHEN sign_in_tries.begun_at <= $3 THEN $2 ELSE sign_in_tries.begun_at END`
	triesSince = `SELECT t.tries, t.begun_at FROM sign_in_tries t WHERE t.subject = $1`
	forgetTry  = `DELETE FROM sign_in_tries WHERE subject = $1`
	oldTries   = `DELETE FROM sign_in_tries WHERE subject IN (SELECT t.subject FROM sign_in_tries t WHERE t.begun_at <= $1 ORDER BY t.begun_at LIMIT $2`
)

// tokenHash is what is stored of a session's token, and of what tries are counted
// by: a token is random enough that a plain hash can't be reversed.
func tokenHash(text string) string {
	hash := sha256.Sum256([]byte(text))
	return hex.EncodeToString(hash[:])
}

func scanSession(scan func(...any) error) (merchant.Session, error) {
	var one merchant.Session
	var stage string
	var createdAt, seenAt, expiresAt int64
	if err := scan(&one.ID, &one.User.ID, &stage, &one.Address, &one.Agent, &createdAt, &seenAt, &expiresAt); err != nil {
		return merchant.Session{}, fmt.Errorf("read session: %w", err)
	}
	one.NeedsCode = stage == "code"
	one.CreatedAt, one.SeenAt, one.ExpiresAt = sqldb.FromMicros(createdAt), sqldb.FromMicros(seenAt), sqldb.FromMicros(expiresAt)
	return one, nil
}

// AddSession writes a session, and removes one that it takes the place of, by its
// token, "" for none. Sessions whose time is over are forgotten.
func (s *Store) AddSession(ctx context.Context, token, before string, one merchant.Session, record refund.Action) error {
	stage := "full"
	if one.NeedsCode {
		stage = "code"
	}
	return s.write(ctx, func(q sqldb.Querier) error {
		if _, err := q.Exec(ctx, oldSessions, sqldb.Micros(one.CreatedAt)); err != nil {
			return err
		}
		if before != "" {
			if _, err := q.Exec(ctx, `DELETE FROM user_sessions WHERE hash = $1`, tokenHash(before)); err != nil {
				return err
			}
		}
		_, err := q.Exec(ctx, insertSession, tokenHash(token), one.ID, one.User.ID, stage, one.Address, one.Agent,
			sqldb.Micros(one.CreatedAt), sqldb.Micros(one.SeenAt), sqldb.Micros(one.ExpiresAt))
		if err != nil {
			return err
		}
		return s.appendRecord(ctx, q, record.Record)
	})
}

// Session finds a session by its token, with its user as they are now. ok is false
// for one that is not there.
func (s *Store) Session(ctx context.Context, token string) (one merchant.Session, ok bool, err error) {
	err = s.Read(ctx, func(q sqldb.Querier) error {
		err := q.Query(ctx, sessionByHash, []any{tokenHash(token)}, func(scan func(...any) error) (err error) {
			one, err = scanSession(scan)
			return err
		})
		if err != nil || one.ID == "" {
			return err
		}
		one.User, _, err = oneUser(ctx, q, userByID, one.User.ID)
		if refund.KindOf(err) == refund.KindNotFound { // removed between the two
			one, err = merchant.Session{}, nil
		}
		return err
	})
	if err != nil {
		return merchant.Session{}, false, fmt.Errorf("find session: %w", err)
	}
	return one, one.ID != "", nil
}

// SeeSession notes that a session was used.
func (s *Store) SeeSession(ctx context.Context, token string, at, expiresAt time.Time) error {
	return s.write(ctx, func(q sqldb.Querier) error {
		_, err := q.Exec(ctx, seeSession, tokenHash(token), sqldb.Micros(at), sqldb.Micros(expiresAt))
		return err
	})
}

// Sessions lists where a user is signed in, the one used last first.
func (s *Store) Sessions(ctx context.Context, userID string, now time.Time) ([]merchant.Session, error) {
	var found []merchant.Session
	err := s.Read(ctx, func(q sqldb.Querier) error {
		return q.Query(ctx, sessionsOf, []any{userID, sqldb.Micros(now)}, func(scan func(...any) error) error {
			one, err := scanSession(scan)
			found = append(found, one)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("list sessions: %w", err)
	}
	return found, nil
}

// EndSessions ends sessions of a user: the one named, or with "" all but keep. It
// returns how many; the record is written where there were some.
func (s *Store) EndSessions(ctx context.Context, userID, id, keep string, record refund.Action) (ended int64, err error) {
	err = s.writeOnce(ctx, record.MerchantID, record.Write, func(q sqldb.Querier) error {
		if id == "" {
			ended, err = q.Exec(ctx, endSessions, userID, keep)
		} else {
			ended, err = q.Exec(ctx, `DELETE FROM user_sessions WHERE user_id = $1 AND id = $2`, userID, id)
		}
		if err != nil || ended == 0 {
			return err
		}
		return s.appendRecord(ctx, q, record.Record)
	})
	return ended, err
}

// CountTry counts a try to sign in for each bound's subject, in their order, and
// stops behind the first that is above its bound: what refuses a try keeps it from
// counting for the rest. It returns for each that it came to how many there were
// since when, this one among them. What began before window is counted anew. Where a
// subject is at its bound already nothing is written: whoever has no account makes the
// database read, and no more.
func (s *Store) CountTry(ctx context.Context, bounds []merchant.TryBound, now, window time.Time) (counts []int64, since []time.Time, err error) {
	err = s.Read(ctx, func(q sqldb.Querier) error {
		for _, bound := range bounds {
			var count, begun int64
			if err := q.Query(ctx, triesSince, []any{tokenHash(bound.Subject)}, func(scan func(...any) error) error { return scan(&count, &begun) }); err != nil {
				return err
			}
			if begun <= sqldb.Micros(window) {
				count = 0
			}
			counts, since = append(counts, count+1), append(since, sqldb.FromMicros(begun))
			if count >= bound.Most {
				return errRefusedTry
			}
		}
		return nil
	})
	if errors.Is(err, errRefusedTry) {
		return counts, since, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("look for tries to sign in: %w", err)
	}
	err = s.write(ctx, func(q sqldb.Querier) error {
		counts, since = nil, nil
		for _, bound := range bounds {
			subject := tokenHash(bound.Subject)
			if _, err := q.Exec(ctx, countTry, subject, sqldb.Micros(now), sqldb.Micros(window)); err != nil {
				return err
			}
			var count, begun int64
			if err := q.Query(ctx, triesSince, []any{subject}, func(scan func(...any) error) error { return scan(&count, &begun) }); err != nil {
				return err
			}
			counts, since = append(counts, count), append(since, sqldb.FromMicros(begun))
			if count > bound.Most {
				break
			}
		}
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("count sign-in: %w", err)
	}
	return counts, since, nil
}

// errRefusedTry ends the look at tries: a subject is at its bound.
var errRefusedTry = errors.New("tried too often")

// ForgetOldTries deletes what was counted and began before window, at most limit
// subjects, and returns how many there were. What another transaction counts is left
// out.
func (s *Store) ForgetOldTries(ctx context.Context, window time.Time, limit int) (dropped int64, err error) {
	err = s.write(ctx, func(q sqldb.Querier) error {
		dropped, err = q.Exec(ctx, oldTries+q.Lock("SKIP LOCKED")+`)`, sqldb.Micros(window), int64(limit))
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("forget old tries to sign in: %w", err)
	}
	return dropped, nil
}

// ForgetTries forgets what was counted of subjects.
func (s *Store) ForgetTries(ctx context.Context, subjects []string) error {
	return s.write(ctx, func(q sqldb.Querier) error {
		for _, subject := range subjects {
			if _, err := q.Exec(ctx, forgetTry, tokenHash(subject)); err != nil {
				return err
			}
		}
		return nil
	})
}
