package service

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// demoDir is the folder in the data folder that tells of the demo merchant.
const demoDir = "demo"

// loadDemo makes sure that the demo merchant and its charges are there, and
// writes its keys to the data folder. What is there stays: a restart, and
// another replica, find and write the same keys.
func (s *Service) loadDemo(ctx context.Context, platform merchant.PlatformKey) error {
	fresh, err := s.demoMerchant(ctx, platform)
	if err != nil {
		return fmt.Errorf("load demo merchant: %w", err)
	}
	if err := s.loadDemoCharges(ctx, fresh.Identities); err != nil {
		return fmt.Errorf("load demo charges: %w", err)
	}
	if fresh.Console, err = s.loadDemoUsers(ctx); err != nil {
		return fmt.Errorf("load demo users: %w", err)
	}
	s.demo = fresh
	return s.tellDemo(ctx)
}

// demoInterval is how often the demo merchant's files are looked at: they tell
// of the platform's keys in use, which change while the service runs.
const demoInterval = 10 * time.Second

// keepDemo writes the files anew when the keys change, until ctx ends.
func (s *Service) keepDemo(ctx context.Context) {
	ticker := time.NewTicker(demoInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			if err := s.tellDemo(ctx); err != nil && ctx.Err() == nil {
				s.opts.Log.Warn("the demo merchant's files were not looked at", "error", err)
			}
		case <-ctx.Done():
			return
		}
	}
}

// tellDemo writes the demo merchant's files as its keys are now.
func (s *Service) tellDemo(ctx context.Context) error {
	identities, err := s.Store.Identities(ctx, merchant.DemoID)
	if err != nil {
		return fmt.Errorf("read demo merchant: %w", err)
	}
	fresh := s.demo
	fresh.Identities = nil
	for _, identity := range identities {
		fresh.Identities = append(fresh.Identities, identity.Showing(s.now()))
	}
	if err := writeDemoFiles(filepath.Join(s.opts.Data, demoDir), fresh); err != nil {
		return fmt.Errorf("write demo files: %w", err)
	}
	return nil
}

// demoMerchant returns the demo merchant as it is stored; its key texts are
// fixed, and its key pairs are those that were stored first.
func (s *Service) demoMerchant(ctx context.Context, platform merchant.PlatformKey) (merchant.Fresh, error) {
	now := s.now()
	kept, err := s.Store.Identities(ctx, merchant.DemoID)
	if err != nil {
		return merchant.Fresh{}, err
	}
	made, err := merchant.NewDemo(Dialects(), kept, now)
	if err != nil {
		return merchant.Fresh{}, err
	}
	if err := made.UsePlatformKey(platform, now); err != nil {
		return merchant.Fresh{}, err
	}
	record := audit.New(Operator(), made.Merchant.ID, "merchant.add", made.Merchant.ID, now).With("demo", "loaded")
	if err := s.Store.AddMerchant(ctx, made, refund.Action{Record: record}); err != nil {
		return merchant.Fresh{}, err
	}
	if _, err := s.Store.LinkAudit(ctx, made.Merchant.ID); err != nil {
		return merchant.Fresh{}, err
	}
	if made.Identities, err = s.Store.Identities(ctx, merchant.DemoID); err != nil {
		return merchant.Fresh{}, err
	}
	return made, nil
}

func (s *Service) loadDemoCharges(ctx context.Context, identities []merchant.Identity) error {
	results, err := s.Store.RegisterCharges(ctx, demoCharges(identities, s.now()), nil)
	if err != nil {
		return err
	}
	for _, result := range results {
		if result.Err != nil {
			return result.Err
		}
	}
	return nil
}

// ResetDemo renews the demo charges with everything that hangs on them. It is
// refused for any other merchant.
func (s *Service) ResetDemo(ctx context.Context, merchantID string, w *refund.Write) error {
	m, err := s.Store.MerchantByID(ctx, merchantID)
	if err != nil {
		return err
	}
	if !m.Settings.Demo {
		return refund.Errorf(refund.KindForbidden, "", "only the demo merchant's charges can be renewed")
	}
	identities, err := s.Store.Identities(ctx, merchantID)
	if err != nil {
		return err
	}
	now := s.now()
	return s.Store.ResetDemo(ctx, merchantID, demoCharges(identities, now), now, w)
}

// writeDemoFiles writes the keys of examples and demo.json. Only this user may
// read them.
func writeDemoFiles(dir string, fresh merchant.Fresh) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	files := fresh.Files()
	files["demo.json"] = string(fresh.Document())
	for name, text := range files {
		if err := writeFile(filepath.Join(dir, name), []byte(text)); err != nil {
			return err
		}
	}
	return nil
}

// writeFile replaces a file in one step, so that nobody reads half of it; one
// that is as it should be stays untouched.
func writeFile(name string, text []byte) error {
	have, err := os.ReadFile(name)
	if err == nil && bytes.Equal(have, text) || err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	made, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(made.Name()) }() // gone when the renaming did its work
	_, err = made.Write(text)
	if err := errors.Join(err, made.Close()); err != nil {
		return err
	}
	return os.Rename(made.Name(), name)
}
