package store

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

const (
	// accountColumns is what scanAccount reads, of a table named a.
	accountColumns = `a.id, a.merchant_id, a.connector, a.state, a.takes, a.is_default, a.version, a.settings, a.sealed, a.ask_since, a.created_at, a.updated_at`
	insertAccount  = `INSERT INTO channel_accounts (id, merchant_id, connector, state, takes, is_default, version, settings, sealed, ask_since, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT DO NOTHING`
	updateAccount = `UPDATE channel_accounts SET state = $3, takes = $4, is_default = $5, version = $6, settings = $7, sealed = $8, ask_since = $9, updated_at = $10
		WHERE merchant_id = $1 AND id = $2`
	accountOwner = `SELECT a.merchant_id FROM channel_accounts a WHERE a.id = $1`
	accountByID  = `SELECT ` + accountColumns + `, m.mode FROM channel_accounts a JOIN merchants m ON m.id = a.merchant_id WHERE a.id = $1`
	accountsOf   = `SELECT ` + accountColumns + ` FROM channel_accounts a WHERE a.merchant_id = $1 ORDER BY a.created_at, a.id`
)

// accountTable is bound into the seals of accounts' secrets, those of versions
// too: a version's secrets stay sealed as they are when the next one comes.
const accountTable = "channel_accounts"

// accountRow names an account's version in the seal of its secrets. Accounts'
// ids have no slash.
func accountRow(id string, version int64) string { return id + "/" + strconv.FormatInt(version, 10) }

// sealAccount seals the secrets of an account's version. Without secrets no
// master key is needed.
func (s *Store) sealAccount(id string, version int64, secrets map[string]string) (string, error) {
	if len(secrets) == 0 {
		return "", nil
	}
	text, err := json.Marshal(secrets)
	if err != nil {
		return "", fmt.Errorf("encode secrets of account: %w", err)
	}
	return s.seal(text, accountTable, accountRow(id, version))
}

func (s *Store) openAccount(id string, version int64, sealed string) (secrets map[string]string, err error) {
	if sealed == "" {
		return nil, nil
	}
	text, err := s.unseal(sealed, accountTable, accountRow(id, version))
	if err == nil {
		err = json.Unmarshal(text, &secrets)
	}
	if err != nil {
		return nil, fmt.Errorf("read secrets of account: %w", err)
	}
	return secrets, nil
}

// accountValues are an account's columns from state on, as insertAccount and
// updateAccount take them, without updated_at.
func (s *Store) accountValues(a merchant.ChannelAccount) ([]any, error) {
	settings := "{}"
	if len(a.Settings) > 0 {
		var err error
		if settings, err = jsonText(a.Settings); err != nil {
			return nil, fmt.Errorf("encode settings of account: %w", err)
		}
	}
	sealed, err := s.sealAccount(a.ID, a.Version, a.Secrets)
	if err != nil {
		return nil, err
	}
	isDefault := int64(0)
	if a.Default {
		isDefault = 1
	}
	return []any{string(a.State), strings.Join(a.Takes, " "), isDefault, a.Version, settings, sealed, sqldb.Micros(a.AskSince)}, nil
}

// scanAccount reads an account, and its secrets as they are sealed. One whose settings or
// state can't be read is KindCorrupt, and has all else.
func scanAccount(scan func(...any) error, more ...any) (a merchant.ChannelAccount, sealed string, err error) {
	var takes, settings string
	var isDefault, askSince, createdAt, updatedAt int64
	err = scan(append([]any{
		&a.ID, &a.MerchantID, &a.Channel, (*string)(&a.State), &takes, &isDefault, &a.Version, &settings, &sealed, &askSince, &createdAt, &updatedAt,
	}, more...)...)
	if err != nil {
		return merchant.ChannelAccount{}, "", fmt.Errorf("read channel account: %w", err)
	}
	a.Default = isDefault != 0
	if takes != "" {
		a.Takes = strings.Fields(takes)
	}
	a.AskSince = sqldb.FromMicros(askSince)
	a.CreatedAt, a.UpdatedAt = sqldb.FromMicros(createdAt), sqldb.FromMicros(updatedAt)
	if a.UpdatedAt.IsZero() { // a row of a binary that knew no changes
		a.UpdatedAt = a.CreatedAt
	}
	if err := fromJSON(settings, &a.Settings); err != nil {
		a.Settings = nil
		return a, sealed, unreadable("channel account", a.ID, err)
	}
	switch a.State {
	case merchant.AccountActive, merchant.AccountPaused, merchant.AccountClosed:
		return a, sealed, nil
	}
	// Whether it was paused is not known: it must not send.
	return a, sealed, unreadable("channel account", a.ID, fmt.Errorf("state %q is none", a.State))
}

// addAccount inserts an account. One without a state or version is new: active
// and of version 1.
func (s *Store) addAccount(ctx context.Context, q sqldb.Querier, a merchant.ChannelAccount) error {
	if a.State == "" {
		a.State = merchant.AccountActive
	}
	a.Version = max(a.Version, 1)
	values, err := s.accountValues(a)
	if err != nil {
		return err
	}
	args := append([]any{a.ID, a.MerchantID, a.Channel}, values...)
	if _, err := q.Exec(ctx, insertAccount, append(args, sqldb.Micros(a.CreatedAt), sqldb.Micros(a.CreatedAt))...); err != nil {
		return err
	}
	return owned(ctx, q, a.MerchantID, accountOwner, a.ID)
}

// AddAccount adds a channel account, with the record of who did it. The same
// again changes nothing; one that another merchant has is an error.
func (s *Store) AddAccount(ctx context.Context, a merchant.ChannelAccount, record refund.Action) error {
	err := s.writeOnce(ctx, record.MerchantID, record.Write, func(q sqldb.Querier) error {
		if err := s.addAccount(ctx, q, a); err != nil {
			return err
		}
		record.Write.Makes(a.ID)
		return s.appendAudit(ctx, q, record.Record)
	})
	s.directory.forget()
	if err != nil {
		return fmt.Errorf("add channel account %s: %w", a.ID, err)
	}
	return nil
}

// accounts reads a merchant's accounts without their secrets, oldest first. One that is
// damaged says so.
func (s *Store) accounts(ctx context.Context, merchantID string) ([]merchant.ChannelAccount, error) {
	var found []merchant.ChannelAccount
	err := s.Read(ctx, func(q sqldb.Querier) (err error) {
		found, err = queryAccounts(ctx, q, merchantID)
		return err
	})
	return found, err
}

func queryAccounts(ctx context.Context, q sqldb.Querier, merchantID string) ([]merchant.ChannelAccount, error) {
	read := func(scan func(...any) error) (merchant.ChannelAccount, error) {
		a, _, err := scanAccount(scan)
		return a, err
	}
	return markRows(ctx, q, accountsOf, []any{merchantID}, read, func(a *merchant.ChannelAccount) { a.Unreadable = true })
}

// ChannelAccount returns an account with its secrets opened, its merchant's
// mode and those of its previous versions whose life has not ended. It is
// answered mostly from memory: other processes go by an account's last state
// and version for up to entryLife. Absent is KindNotFound.
func (s *Store) ChannelAccount(ctx context.Context, id string) (merchant.ChannelAccount, error) {
	return s.directory.opened.get(ctx, id, s.now(), func(ctx context.Context) (found merchant.ChannelAccount, err error) {
		err = s.Read(ctx, func(q sqldb.Querier) error {
			found, err = s.openedAccount(ctx, q, id, "")
			return err
		})
		if err != nil {
			return merchant.ChannelAccount{}, fmt.Errorf("find channel account: %w", err)
		}
		found.Previous = found.LivePrevious(s.now())
		return found, nil
	})
}

// openedAccount reads an account with all its versions, those that have retired
// without their secrets.
func (s *Store) openedAccount(ctx context.Context, q sqldb.Querier, id, lock string) (merchant.ChannelAccount, error) {
	var a merchant.ChannelAccount
	there := false
	err := q.Query(ctx, accountByID+lock, []any{id}, func(scan func(...any) error) (err error) {
		there = true
		var mode, sealed string
		if a, sealed, err = scanAccount(scan, &mode); err != nil {
			return err
		}
		a.Mode = merchant.Mode(mode)
		a.Secrets, err = s.openAccount(a.ID, a.Version, sealed)
		return err
	})
	if err == nil && !there {
		err = refund.Errorf(refund.KindNotFound, "channel_account", "there is no channel account %q", id)
	}
	if err == nil {
		a.Previous, err = s.accountVersions(ctx, q, id)
	}
	if err == nil {
		a.Pauses, err = queryPauses(ctx, q, pausesOf, a.MerchantID)
		a.Pauses = slices.DeleteFunc(a.Pauses, func(p merchant.Pause) bool { return !p.Covers(a) })
	}
	if err != nil {
		return merchant.ChannelAccount{}, err
	}
	return a, nil
}

// ChangeAccount lets change alter an account of the merchant under a lock, and
// returns it as it is then, with a record of who did it where something was
// changed; an error of change leaves it as it was. A change of
// settings or secrets is a new version (see merchant.ChannelAccount.Renew). An
// account that is paused no longer has what waited sent now. change replaces
// maps and slices and does not write into them. Other processes go
// by the account as it was for up to entryLife longer. Absent is KindNotFound.
func (s *Store) ChangeAccount(ctx context.Context, merchantID, id string, record refund.Action, now time.Time, change func(*merchant.ChannelAccount) error) (merchant.ChannelAccount, error) {
	var after merchant.ChannelAccount
	err := s.writeOnce(ctx, record.MerchantID, record.Write, func(q sqldb.Querier) error {
		before, err := s.openedAccount(ctx, q, id, q.Lock("OF a"))
		if err == nil && before.MerchantID != merchantID {
			err = refund.Errorf(refund.KindNotFound, "channel_account", "the merchant has no channel account %q", id)
		}
		if err != nil {
			return err
		}
		after = before
		if err := change(&after); err != nil {
			return err
		}
		record.Write.Makes(id)
		if reflect.DeepEqual(before, after) {
			return nil
		}
		after.UpdatedAt = now
		values, err := s.accountValues(after)
		if err != nil {
			return err
		}
		args := append([]any{merchantID, id}, values...)
		if _, err := q.Exec(ctx, updateAccount, append(args, sqldb.Micros(now))...); err != nil {
			return err
		}
		if err := s.saveVersions(ctx, q, before, after, now); err != nil {
			return err
		}
		if before.State == merchant.AccountPaused && after.State != merchant.AccountPaused {
			if err := sendWhatWaited(ctx, q, merchantID, id, now); err != nil {
				return err
			}
		}
		return s.appendAudit(ctx, q, record.Record)
	})
	s.directory.forget()
	if err != nil {
		return merchant.ChannelAccount{}, fmt.Errorf("change channel account: %w", err)
	}
	return after, nil
}

// sendWhatWaited makes an account's refunds due whose next step is a submit that
// nobody is about to make. It goes by the index of what is due at all.
func sendWhatWaited(ctx context.Context, q sqldb.Querier, merchantID, accountID string, now time.Time) error {
	const text = `UPDATE refunds SET due_at = $3 WHERE merchant_id = $1 AND channel_account = $2 AND due_at > $3 AND due_at > 0
		AND lease_until = 0 AND (state = 'created' OR state = 'pending' AND submitted_at = 0)`
	if _, err := q.Exec(ctx, text, merchantID, accountID, sqldb.Micros(now)); err != nil {
		return fmt.Errorf("make refunds due: %w", err)
	}
	return nil
}
