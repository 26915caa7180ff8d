package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

// mostEndpoints bounds a merchant's endpoints in use: each event may become
// as many deliveries, all written in one transaction.
const mostEndpoints = 32

const endpointColumns = `p.id, p.merchant_id, p.dialect, p.identity, p.url, p.events, p.created_at, p.disabled_at`

func scanEndpoint(scan func(...any) error) (merchant.Endpoint, error) {
	var p merchant.Endpoint
	var events string
	var createdAt, disabledAt int64
	if err := scan(&p.ID, &p.MerchantID, &p.Dialect, &p.Identity, &p.URL, &events, &createdAt, &disabledAt); err != nil {
		return merchant.Endpoint{}, fmt.Errorf("read endpoint: %w", err)
	}
	p.Events = strings.Fields(events)
	p.CreatedAt, p.DisabledAt = sqldb.FromMicros(createdAt), sqldb.FromMicros(disabledAt)
	return p, nil
}

// AddEndpoint adds an address that is told of events from now on. Its ID is
// made by the caller, and so are the secrets that sign what it is told, if its
// dialect has such; the same again changes nothing. Too many in use is
// KindInvalid. Whether the address may be called at all is checked before.
func (s *Store) AddEndpoint(ctx context.Context, p merchant.Endpoint, secrets ...merchant.EndpointSecret) error {
	const (
		insert = `INSERT INTO endpoints (id, merchant_id, dialect, identity, url, events, created_at, sealed)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING`
		count = `SELECT COUNT(*) FROM endpoints p WHERE p.merchant_id = $1 AND p.disabled_at = 0`
		owner = `SELECT p.merchant_id FROM endpoints p WHERE p.id = $1`
	)
	sealed, err := s.sealSecrets(p.ID, secrets)
	if err != nil {
		return fmt.Errorf("add endpoint: %w", err)
	}
	err = s.write(ctx, func(q sqldb.Querier) error {
		_, err := q.Exec(ctx, insert, p.ID, p.MerchantID, p.Dialect, p.Identity, p.URL, strings.Join(p.Events, " "), sqldb.Micros(p.CreatedAt), sealed)
		if err != nil {
			return err
		}
		inUse := 0
		err = q.Query(ctx, count, []any{p.MerchantID}, func(scan func(...any) error) error { return scan(&inUse) })
		if err == nil && inUse > mostEndpoints {
			err = refund.Errorf(refund.KindInvalid, "url", "the merchant has %d endpoints already", mostEndpoints)
		}
		if err != nil {
			return err
		}
		return owned(ctx, q, p.MerchantID, owner, p.ID)
	})
	if err != nil {
		return fmt.Errorf("add endpoint: %w", err)
	}
	return nil
}

// Endpoints lists a merchant's endpoints, disabled ones too, oldest first.
func (s *Store) Endpoints(ctx context.Context, merchantID string) ([]merchant.Endpoint, error) {
	var found []merchant.Endpoint
	err := s.Read(ctx, func(q sqldb.Querier) (err error) {
		found, err = endpoints(ctx, q, `SELECT `+endpointColumns+` FROM endpoints p WHERE p.merchant_id = $1 ORDER BY p.created_at, p.id`, merchantID)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list endpoints: %w", err)
	}
	return found, nil
}

func endpoints(ctx context.Context, q sqldb.Querier, text string, args ...any) ([]merchant.Endpoint, error) {
	var found []merchant.Endpoint
	err := q.Query(ctx, text, args, func(scan func(...any) error) error {
		p, err := scanEndpoint(scan)
		found = append(found, p)
		return err
	})
	return found, err
}

// DisableEndpoint stops an endpoint. What was still on its way there is dead,
// and stays on record; its secrets are forgotten. Again changes nothing, absent
// is KindNotFound.
func (s *Store) DisableEndpoint(ctx context.Context, merchantID, id string, now time.Time) error {
	const (
		disable = `UPDATE endpoints SET disabled_at = CASE WHEN disabled_at = 0 THEN $3 ELSE disabled_at END, sealed = '' WHERE merchant_id = $1 AND id = $2`
		end     = `UPDATE deliveries SET state = 'dead', due_at = 0, make_at = 0, lease_until = 0, ended_at = $3
			WHERE merchant_id = $1 AND endpoint_id = $2 AND state = 'waiting'`
	)
	err := s.write(ctx, func(q sqldb.Querier) error {
		touched, err := q.Exec(ctx, disable, merchantID, id, sqldb.Micros(now))
		if err == nil && touched == 0 {
			err = refund.Errorf(refund.KindNotFound, "endpoint", "the merchant has no endpoint %q", id)
		}
		if err != nil {
			return err
		}
		_, err = q.Exec(ctx, end, merchantID, id, sqldb.Micros(now))
		return err
	})
	s.directory.forget()
	if err != nil {
		return fmt.Errorf("disable endpoint: %w", err)
	}
	return nil
}
