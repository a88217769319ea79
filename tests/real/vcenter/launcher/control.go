package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

type hostChange struct {
	Name          string  `json:"name"`
	State         *string `json:"state"`
	InMaintenance *bool   `json:"in_maintenance"`
	UsedMhz       *int32  `json:"used_mhz"`
	UsedMib       *int32  `json:"used_mib"`
	Status        *string `json:"status"`
}

type datastoreChange struct {
	Name          string `json:"name"`
	CapacityBytes *int64 `json:"capacity_bytes"`
	FreeBytes     *int64 `json:"free_bytes"`
	Accessible    *bool  `json:"accessible"`
	// Of a new one: the hosts that mount it; empty: all.
	Hosts []string `json:"hosts"`
}

type machineChange struct {
	Name      string   `json:"name"`
	ShutdownS *float64 `json:"shutdown_s"`
	Tools     *bool    `json:"tools"`
	// As the guest itself, or somebody in the vSphere client, would.
	Power *bool `json:"on"`
	// Somebody changed something: the change version moves on.
	Touched bool `json:"touched"`
	// Its files are out of reach: vCenter has no configuration of it.
	Inaccessible bool `json:"inaccessible"`
	// The guest's file systems, as VMware Tools tell them.
	Disks []guestDisk `json:"disks"`
}

type guestDisk struct {
	Path          string `json:"path"`
	CapacityBytes int64  `json:"capacity_bytes"`
	FreeBytes     int64  `json:"free_bytes"`
}

type machineState struct {
	Name          string `json:"name"`
	On            bool   `json:"on"`
	ShutdownAsked bool   `json:"shutdown_asked"`
	Vcpus         int32  `json:"vcpus"`
	RamMib        int32  `json:"ram_mib"`
}

// The tests' way in, apart from the API: GET looks, POST changes.
func (w *world) control(response http.ResponseWriter, request *http.Request) {
	what := strings.TrimPrefix(request.URL.Path, "/control/")
	var err error
	var answer interface{}
	decoder := json.NewDecoder(request.Body)
	decoder.DisallowUnknownFields()
	switch request.Method + " " + what {
	case "GET virtual-machines":
		answer = w.states()
	case "GET calls":
		w.mutex.Lock()
		answer = append([]call{}, w.calls...)
		w.mutex.Unlock()
	case "DELETE calls":
		w.mutex.Lock()
		w.calls = nil
		w.mutex.Unlock()
	case "POST hosts":
		var change hostChange
		if err = decoder.Decode(&change); err == nil {
			err = w.changeHost(change)
		}
	case "POST datastores":
		var change datastoreChange
		if err = decoder.Decode(&change); err == nil {
			err = w.changeDatastore(change)
		}
	case "POST virtual-machines":
		var change machineChange
		if err = decoder.Decode(&change); err == nil {
			err = w.changeMachine(change)
		}
	case "POST faults":
		var order fault
		if err = decoder.Decode(&order); err == nil {
			err = w.order(&order)
		}
	case "DELETE faults":
		w.mutex.Lock()
		w.faults = nil
		w.mutex.Unlock()
	case "DELETE sessions":
		w.mutex.Lock()
		for _, each := range w.calls {
			w.ended[each.Session] = true
		}
		for session := range w.readOnly {
			w.ended[session] = true
		}
		w.mutex.Unlock()
	case "POST delay":
		var seconds float64
		if err = decoder.Decode(&seconds); err == nil {
			w.mutex.Lock()
			w.delay = time.Duration(seconds * float64(time.Second))
			w.mutex.Unlock()
		}
	default:
		err = fmt.Errorf("nothing at %s %s", request.Method, what)
	}
	if err != nil {
		http.Error(response, err.Error(), http.StatusBadRequest)
		return
	}
	response.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(response).Encode(answer)
}

func (w *world) order(order *fault) error {
	if trouble := order.limitation(); trouble != "" {
		return fmt.Errorf("%s", trouble)
	}
	if order.Times == 0 {
		order.Times = 1
	}
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.faults = append(w.faults, order)
	return nil
}

func (w *world) states() []machineState {
	states := []machineState{}
	for _, each := range w.machines {
		simulator.Map.WithLock(each, func() {
			state := machineState{Name: each.Name, On: each.on(), ShutdownAsked: each.asked}
			if each.Config != nil {
				state.Vcpus, state.RamMib = each.Config.Hardware.NumCPU, each.Config.Hardware.MemoryMB
			}
			states = append(states, state)
		})
	}
	return states
}

func (w *world) changeHost(change hostChange) error {
	host := w.hosts[change.Name]
	if host == nil {
		return fmt.Errorf("no host %q", change.Name)
	}
	simulator.Map.WithLock(host, func() {
		if change.State != nil {
			host.Runtime.ConnectionState = types.HostSystemConnectionState(*change.State)
		}
		if change.InMaintenance != nil {
			host.Runtime.InMaintenanceMode = *change.InMaintenance
		}
		if change.UsedMhz != nil {
			host.Summary.QuickStats.OverallCpuUsage = *change.UsedMhz
		}
		if change.UsedMib != nil {
			host.Summary.QuickStats.OverallMemoryUsage = *change.UsedMib
		}
		if change.Status != nil {
			host.OverallStatus = types.ManagedEntityStatus(*change.Status)
		}
	})
	return nil
}

func (w *world) changeDatastore(change datastoreChange) error {
	datastore := w.datastores[change.Name]
	if datastore == nil {
		if change.CapacityBytes == nil || change.FreeBytes == nil {
			return fmt.Errorf("no datastore %q", change.Name)
		}
		// A new one: what the provider does when a datastore is ordered.
		return w.addDatastore(context.Background(), wantedDatastore{
			change.Name, *change.CapacityBytes, *change.FreeBytes, change.Hosts,
		})
	}
	simulator.Map.WithLock(datastore, func() {
		if change.CapacityBytes != nil {
			datastore.Summary.Capacity = *change.CapacityBytes
		}
		if change.FreeBytes != nil {
			datastore.Summary.FreeSpace = *change.FreeBytes
		}
		if change.Accessible != nil {
			datastore.Summary.Accessible = *change.Accessible
		}
	})
	return nil
}

func (w *world) changeMachine(change machineChange) error {
	m := w.machines[change.Name]
	if m == nil {
		return fmt.Errorf("no virtual machine %q", change.Name)
	}
	simulator.Map.WithLock(m, func() {
		if change.ShutdownS != nil {
			m.shutdown = time.Duration(*change.ShutdownS * float64(time.Second))
		}
		if change.Tools != nil {
			m.setTools(*change.Tools)
		}
		if change.Power != nil && *change.Power != m.on() {
			if *change.Power {
				m.started()
			} else {
				m.stopped()
			}
		}
		if change.Touched {
			m.changed()
		}
		if change.Inaccessible {
			m.Config, m.Runtime.ConnectionState = nil, types.VirtualMachineConnectionStateInaccessible
		}
		if change.Disks != nil {
			m.Guest.Disk = nil
			for _, each := range change.Disks {
				m.Guest.Disk = append(m.Guest.Disk, types.GuestDiskInfo{
					DiskPath: each.Path, Capacity: each.CapacityBytes, FreeSpace: each.FreeBytes,
				})
			}
		}
	})
	return nil
}
