package service

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/sqlitefile"
)

// afterRestore pauses sending where the database is not the one that was
// served last, such as a backup that was put in its place: what was accepted
// and sent after the backup is forgotten, and a merchant's repeat of it would
// move the money again. Then the database gets a number of its own.
func (s *Service) afterRestore(ctx context.Context) error {
	replaced, err := s.owner.replaced()
	if err != nil {
		return err
	}
	if replaced {
		paused, err := s.PauseRestored(ctx)
		if err != nil {
			return err
		}
		s.opts.Log.Warn("this database is not the one that was served last, such as a backup; its channel accounts are paused and nothing is sent "+
			"(hint: refundry account check --since for each, which asks its channel what it did since the backup, then refundry account resume)", "paused", paused)
	}
	return s.mark(ctx, sqlitefile.NewSession(rand.Uint32()))
}

// mark numbers a SQLite file.
func (s *Service) mark(ctx context.Context, number uint32) error {
	if s.owner.file == nil {
		return nil
	}
	return s.owner.file.Mark(number, func(number uint32) (bool, error) { return s.Store.DB().Mark(ctx, number) })
}

// markEnd says that this session has ended well, and nothing more than the
// file is needed to go on with it under another name.
func (s *Service) markEnd(ctx context.Context) error {
	if s.owner.file == nil {
		return nil
	}
	return s.mark(ctx, sqlitefile.Ended(s.owner.file.Session()))
}

// PauseRestored pauses every active channel account of a database that may have
// lost commits, and returns how many they are. Each has to ask its channel what it
// did since the newest row of its merchant before it is resumed. So has the
// sandbox's, whose books went back with the database: what is tried out in test
// mode is what will happen in live mode.
func (s *Service) PauseRestored(ctx context.Context) (int, error) {
	merchants, err := s.Store.Merchants(ctx)
	if err != nil {
		return 0, err
	}
	paused := 0
	by := admin.By{Actor: audit.ByCommand("serve, after a restore"), RequestID: "restore_" + refund.NewID(s.now())}
	for _, m := range merchants {
		since, err := s.Store.LastKnown(ctx, m.ID)
		if err != nil {
			return paused, err
		}
		accounts, err := s.Store.ChannelAccounts(ctx, m.ID)
		if err != nil {
			return paused, err
		}
		for _, account := range accounts {
			if err := s.admin.PauseRestored(ctx, by, m.ID, account.ID, since); err != nil {
				return paused, fmt.Errorf("pause channel account %s: %w", account.ID, err)
			}
			if account.Unreadable {
				s.opts.Log.Error("a channel account can't be read; it stays paused, and its channel has to be asked, when it was mended (hint: refundry verify)", "merchant_id", m.ID, "account_id", account.ID)
			}
			if account.State == merchant.AccountActive {
				paused++
			}
		}
	}
	return paused, nil
}
