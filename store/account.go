package store

import (
	"context"
	"fmt"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

const (
	insertAccount = `INSERT INTO channel_accounts (id, merchant_id, connector, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`
	accountOwner  = `SELECT a.merchant_id FROM channel_accounts a WHERE a.id = $1`
)

func addAccount(ctx context.Context, q querier, a merchant.ChannelAccount) error {
	if _, err := q.exec(ctx, insertAccount, a.ID, a.MerchantID, a.Connector, micros(a.CreatedAt)); err != nil {
		return err
	}
	return owned(ctx, q, a.MerchantID, accountOwner, a.ID)
}

// AddAccount adds a channel account. The same again changes nothing; one that
// another merchant has is an error.
func (s *Store) AddAccount(ctx context.Context, a merchant.ChannelAccount) error {
	err := s.write(ctx, func(q querier) error { return addAccount(ctx, q, a) })
	s.directory.forget()
	if err != nil {
		return fmt.Errorf("add channel account %s: %w", a.ID, err)
	}
	return nil
}

func (s *Store) accounts(ctx context.Context, merchantID string) ([]merchant.ChannelAccount, error) {
	const text = `SELECT a.id, a.merchant_id, a.connector, a.created_at FROM channel_accounts a WHERE a.merchant_id = $1 ORDER BY a.created_at, a.id`
	var found []merchant.ChannelAccount
	err := s.read(ctx, func(q querier) error {
		return q.query(ctx, text, []any{merchantID}, func(scan func(...any) error) error {
			var a merchant.ChannelAccount
			var createdAt int64
			err := scan(&a.ID, &a.MerchantID, &a.Connector, &createdAt)
			a.CreatedAt = fromMicros(createdAt)
			found = append(found, a)
			return err
		})
	})
	return found, err
}

// AccountConnector names the connector that moves a channel account's money.
// It never changes, and is answered from memory mostly. Absent is KindNotFound.
func (s *Store) AccountConnector(ctx context.Context, accountID string) (string, error) {
	return s.directory.connectors.get(ctx, accountID, s.now(), func(ctx context.Context) (string, error) {
		connector := ""
		err := s.read(ctx, func(q querier) error {
			return q.query(ctx, `SELECT a.connector FROM channel_accounts a WHERE a.id = $1`, []any{accountID},
				func(scan func(...any) error) error { return scan(&connector) })
		})
		if err == nil && connector == "" {
			err = refund.Errorf(refund.KindNotFound, "channel_account", "there is no channel account %q", accountID)
		}
		if err != nil {
			return "", fmt.Errorf("find connector: %w", err)
		}
		return connector, nil
	})
}
