package store

import (
	"context"
	"time"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

// setTOTP alters a user's key of the second factor under a lock; "" removes it.
func (s *Store) setTOTP(ctx context.Context, q sqldb.Querier, id, key string) error {
	secrets, err := s.userSecrets(ctx, q, id)
	if err != nil {
		return err
	}
	if secrets[merchant.SecretTOTP] = key; key == "" {
		delete(secrets, merchant.SecretTOTP)
	}
	sealed, err := s.sealUser(id, secrets)
	if err == nil {
		_, err = q.Exec(ctx, `UPDATE users SET sealed = $2, totp_at = 0, totp_step = 0 WHERE id = $1`, id, sealed)
	}
	return err
}

// OfferTOTP keeps a key that counts for nothing until ConfirmTOTP.
// KindStateConflict where another counts already.
func (s *Store) OfferTOTP(ctx context.Context, id, key string) error {
	return s.write(ctx, func(q sqldb.Querier) error {
		if err := lockUser(ctx, q, id); err != nil {
			return err
		}
		u, _, err := oneUser(ctx, q, userByID, id)
		if err == nil && u.TOTP {
			err = refund.Errorf(refund.KindStateConflict, "code", "the second factor is on already")
		}
		if err != nil {
			return err
		}
		return s.setTOTP(ctx, q, id, key)
	})
}

// ConfirmTOTP has the key that was offered count, with the code of a time step
// used, and keeps hashes of recovery codes. Sessions but the one named keep end.
func (s *Store) ConfirmTOTP(ctx context.Context, id string, step int64, codes []string, keep string, record refund.Action) error {
	return s.writeOnce(ctx, record.MerchantID, record.Write, func(q sqldb.Querier) error {
		touched, err := q.Exec(ctx, `UPDATE users SET totp_at = $2, totp_step = $3 WHERE id = $1 AND totp_at = 0`, id, sqldb.Micros(record.At), step)
		if err == nil && touched == 0 {
			err = refund.Errorf(refund.KindStateConflict, "code", "the second factor is on already")
		}
		if err == nil {
			_, err = q.Exec(ctx, `DELETE FROM user_codes WHERE user_id = $1`, id)
		}
		for _, code := range codes {
			if err == nil {
				_, err = q.Exec(ctx, `INSERT INTO user_codes (user_id, hash) VALUES ($1, $2)`, id, tokenHash(code))
			}
		}
		if err == nil {
			_, err = q.Exec(ctx, endSessions, id, keep)
		}
		if err != nil {
			return err
		}
		return s.appendAudit(ctx, q, record.Record)
	})
}

// ClearTOTP forgets the second factor of a user. by is who does it, "" for the user.
// KindNotFound.
func (s *Store) ClearTOTP(ctx context.Context, id string, by audit.Behind, record refund.Action) error {
	const reset = `UPDATE users SET totp_reset_by = $2, totp_reset_at = $3 WHERE id = $1`
	return s.writeOnce(ctx, record.MerchantID, record.Write, func(q sqldb.Querier) error {
		err := lockUser(ctx, q, id)
		if err == nil {
			err = s.setTOTP(ctx, q, id, "")
		}
		if err == nil {
			_, err = q.Exec(ctx, `DELETE FROM user_codes WHERE user_id = $1`, id)
		}
		if err == nil && by != "" {
			_, err = q.Exec(ctx, reset, id, string(by), sqldb.Micros(record.At))
		}
		if err != nil {
			return err
		}
		return s.appendAudit(ctx, q, record.Record)
	})
}

// UseStep takes the code of a time step, once: false for one that is not later
// than the last that was taken.
func (s *Store) UseStep(ctx context.Context, id string, step int64) (bool, error) {
	return s.use(ctx, `UPDATE users SET totp_step = $2 WHERE id = $1 AND totp_step < $2`, id, step)
}

// UseCode takes a recovery code, once.
func (s *Store) UseCode(ctx context.Context, id, code string, at time.Time) (bool, error) {
	return s.use(ctx, `UPDATE user_codes SET used_at = $2 WHERE user_id = $1 AND hash = $3 AND used_at = 0`, id, sqldb.Micros(at), tokenHash(code))
}

func (s *Store) use(ctx context.Context, text string, args ...any) (used bool, err error) {
	err = s.write(ctx, func(q sqldb.Querier) error {
		touched, err := q.Exec(ctx, text, args...)
		used = touched == 1
		return err
	})
	return used, err
}
