package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

// maxEndpoints bounds a merchant's endpoints in use: each event may become
// as many deliveries, all written in one transaction.
const maxEndpoints = 32

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

// AddEndpoint adds an address that is notified of events from now on. Its ID is
// made by the caller, and so are the secrets that sign what is sent there, if its
// dialect has such. A merchant's address in a dialect is one endpoint: where it
// is in use already, equal in identity and events, that one is returned, and
// nothing is changed; where it differs, that is KindStateConflict. Too many in use
// is KindInvalid. Whether the address may be called at all is checked before.
func (s *Store) AddEndpoint(ctx context.Context, p merchant.Endpoint, record refund.Action, secrets ...merchant.EndpointSecret) (merchant.Endpoint, error) {
	const (
		insert = `INSERT INTO endpoints (id, merchant_id, dialect, identity, url, events, created_at, sealed)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`
		count = `SELECT COUNT(*) FROM endpoints p WHERE p.merchant_id = $1 AND p.disabled_at = 0`
		// Endpoints of one merchant are added one after the other.
		lock = `SELECT m.id FROM merchants m WHERE m.id = $1`
	)
	sealed, err := s.sealSecrets(p.ID, secrets)
	if err != nil {
		return merchant.Endpoint{}, fmt.Errorf("add endpoint: %w", err)
	}
	stored := p
	err = s.writeOnce(ctx, record.MerchantID, record.Write, func(q sqldb.Querier) error {
		if err := q.Query(ctx, lock+q.Lock(""), []any{p.MerchantID}, func(scan func(...any) error) error { return scan(new(string)) }); err != nil {
			return err
		}
		same, err := sameAddress(ctx, q, p)
		switch {
		case err != nil:
			return err
		case same.ID != "" && (same.Identity != p.Identity || !sameEvents(same.Events, p.Events)):
			return refund.Errorf(refund.KindStateConflict, "url", "endpoint %s is this address already, with another identity or other events", same.ID)
		case same.ID != "":
			stored = same
			record.Write.Shows(same.ID, "")
			return nil
		}
		stored = p
		inUse := 0
		err = q.Query(ctx, count, []any{p.MerchantID}, func(scan func(...any) error) error { return scan(&inUse) })
		if err == nil && inUse >= maxEndpoints {
			err = refund.Errorf(refund.KindInvalid, "url", "the merchant has %d endpoints already", maxEndpoints)
		}
		if err != nil {
			return err
		}
		_, err = q.Exec(ctx, insert, p.ID, p.MerchantID, p.Dialect, p.Identity, p.URL, strings.Join(p.Events, " "), sqldb.Micros(p.CreatedAt), sealed)
		if err != nil {
			return err
		}
		return s.appendAudit(ctx, q, record.Record)
	})
	if err != nil {
		return merchant.Endpoint{}, fmt.Errorf("add endpoint: %w", err)
	}
	return stored, nil
}

// sameAddress finds the endpoint in use with a merchant's address in a dialect;
// its ID is "" where there is none. An older program let there be several: then
// it is one that is equal, if one is.
func sameAddress(ctx context.Context, q sqldb.Querier, p merchant.Endpoint) (merchant.Endpoint, error) {
	found, err := endpoints(ctx, q, `SELECT `+endpointColumns+` FROM endpoints p
		WHERE p.merchant_id = $1 AND p.dialect = $2 AND p.url = $3 AND p.disabled_at = 0 ORDER BY p.created_at, p.id`, p.MerchantID, p.Dialect, p.URL)
	if err != nil || len(found) == 0 {
		return merchant.Endpoint{}, err
	}
	for _, one := range found {
		if one.Identity == p.Identity && sameEvents(one.Events, p.Events) {
			return one, nil
		}
	}
	return found[0], nil
}

// sameEvents compares types in any order.
func sameEvents(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
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
// and stays on record; its secrets are forgotten. Again changes nothing and
// leaves no record, absent is KindNotFound.
func (s *Store) DisableEndpoint(ctx context.Context, merchantID, id string, record refund.Action, now time.Time) error {
	const (
		find    = `SELECT p.disabled_at FROM endpoints p WHERE p.merchant_id = $1 AND p.id = $2`
		disable = `UPDATE endpoints SET disabled_at = $3, sealed = '' WHERE merchant_id = $1 AND id = $2`
		end     = `UPDATE deliveries SET state = 'dead', due_at = 0, make_at = 0, lease_until = 0, ended_at = $3
			WHERE merchant_id = $1 AND endpoint_id = $2 AND state = 'waiting'`
	)
	err := s.writeOnce(ctx, record.MerchantID, record.Write, func(q sqldb.Querier) error {
		disabledAt := int64(-1)
		err := q.Query(ctx, find+q.Lock(""), []any{merchantID, id}, func(scan func(...any) error) error { return scan(&disabledAt) })
		switch {
		case err != nil:
			return err
		case disabledAt < 0:
			return refund.Errorf(refund.KindNotFound, "endpoint", "the merchant has no endpoint %q", id)
		case disabledAt > 0:
			return nil
		}
		for _, text := range []string{disable, end} {
			if _, err := q.Exec(ctx, text, merchantID, id, sqldb.Micros(now)); err != nil {
				return err
			}
		}
		return s.appendAudit(ctx, q, record.Record)
	})
	s.directory.forget()
	if err != nil {
		return fmt.Errorf("disable endpoint: %w", err)
	}
	return nil
}
