package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

// maxSecrets bounds an endpoint's secrets in use: each is a signature in a
// header of every delivery.
const maxSecrets = 4

// sealedSecret is a secret inside the seal.
type sealedSecret struct {
	Text      string `json:"text"`
	CreatedAt int64  `json:"created_at"`
	ExpiresAt int64  `json:"expires_at,omitempty"`
}

func (s *Store) sealSecrets(endpointID string, secrets []merchant.EndpointSecret) (string, error) {
	if len(secrets) == 0 {
		return "", nil // without secrets, no master key is needed
	}
	rows := make([]sealedSecret, len(secrets))
	for n, secret := range secrets {
		rows[n] = sealedSecret{secret.Text, sqldb.Micros(secret.CreatedAt), sqldb.Micros(secret.ExpiresAt)}
	}
	text, err := json.Marshal(rows)
	if err != nil {
		return "", fmt.Errorf("encode secrets: %w", err)
	}
	return s.seal(text, "endpoints", endpointID)
}

func (s *Store) openSecrets(endpointID, sealed string) ([]merchant.EndpointSecret, error) {
	if sealed == "" {
		return nil, nil
	}
	text, err := s.unseal(sealed, "endpoints", endpointID)
	if err != nil {
		return nil, err
	}
	var rows []sealedSecret
	if err := json.Unmarshal(text, &rows); err != nil {
		return nil, fmt.Errorf("read secrets: %w", err)
	}
	secrets := make([]merchant.EndpointSecret, len(rows))
	for n, row := range rows {
		secrets[n] = merchant.EndpointSecret{Text: row.Text, CreatedAt: sqldb.FromMicros(row.CreatedAt), ExpiresAt: sqldb.FromMicros(row.ExpiresAt)}
	}
	return secrets, nil
}

// secretsOf reads an endpoint's secrets. Absent, or disabled, is KindNotFound.
func (s *Store) secretsOf(ctx context.Context, q sqldb.Querier, merchantID, id, lock string) ([]merchant.EndpointSecret, error) {
	const text = `SELECT p.sealed FROM endpoints p WHERE p.merchant_id = $1 AND p.id = $2 AND p.disabled_at = 0`
	sealed, there := "", false
	err := q.Query(ctx, text+lock, []any{merchantID, id}, func(scan func(...any) error) error {
		there = true
		return scan(&sealed)
	})
	if err == nil && !there {
		err = refund.Errorf(refund.KindNotFound, "endpoint", "the merchant has no endpoint %q in use", id)
	}
	if err != nil {
		return nil, err
	}
	return s.openSecrets(id, sealed)
}

// EndpointSecrets returns the secrets of an endpoint in use, newest first,
// expired ones too. It is asked for each try of a delivery, and answered from
// memory mostly: other processes sign with the old ones alone for up to
// entryLife after a rotation. Absent is KindNotFound.
func (s *Store) EndpointSecrets(ctx context.Context, merchantID, id string) ([]merchant.EndpointSecret, error) {
	return s.directory.secrets.get(ctx, callerKey{merchantID, id}, s.now(), func(ctx context.Context) (secrets []merchant.EndpointSecret, err error) {
		err = s.Read(ctx, func(q sqldb.Querier) error {
			secrets, err = s.secretsOf(ctx, q, merchantID, id, "")
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("find secrets of endpoint: %w", err)
		}
		return secrets, nil
	})
}

// RotateEndpoint gives an endpoint a new secret; those in use until now end at
// the given time, if not before. Those that have expired are dropped. Too many
// in use are KindStateConflict, absent is KindNotFound.
func (s *Store) RotateEndpoint(ctx context.Context, merchantID, id string, fresh merchant.EndpointSecret, until time.Time, record refund.Action) error {
	err := s.writeOnce(ctx, record.MerchantID, record.Write, func(q sqldb.Querier) error {
		old, err := s.secretsOf(ctx, q, merchantID, id, q.Lock(""))
		if err != nil {
			return err
		}
		secrets := []merchant.EndpointSecret{fresh}
		for _, secret := range old {
			if secret.ExpiresAt.IsZero() || secret.ExpiresAt.After(until) {
				secret.ExpiresAt = until
			}
			if secret.Signs(fresh.CreatedAt) {
				secrets = append(secrets, secret)
			}
		}
		if len(secrets) > maxSecrets {
			return refund.Errorf(refund.KindStateConflict, "endpoint", "%d secrets are in use already; wait until one has expired", len(secrets)-1)
		}
		sealed, err := s.sealSecrets(id, secrets)
		if err != nil {
			return err
		}
		if _, err := q.Exec(ctx, `UPDATE endpoints SET sealed = $3 WHERE merchant_id = $1 AND id = $2`, merchantID, id, sealed); err != nil {
			return err
		}
		return s.appendAudit(ctx, q, record.Record)
	})
	s.directory.forget()
	if err != nil {
		return fmt.Errorf("rotate endpoint: %w", err)
	}
	return nil
}
