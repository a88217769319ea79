package main

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

const (
	mostVcpus     = 128
	mostRamMib    = 6128 * 1024
	linuxLimitMib = 3072
	incrementMib  = 128
)

var changes int64

// A virtual machine that refuses what a real one refuses: the stock one takes everything.
type machine struct {
	simulator.VirtualMachine
	world *world
	// How long the guest takes to shut down; below 0 it never does.
	shutdown time.Duration
	asked    bool
	swap     int64
}

func (w *world) adopt(stock *simulator.VirtualMachine, wanted wantedMachine) *machine {
	m := &machine{VirtualMachine: *stock, world: w}
	m.Runtime.PowerState = types.VirtualMachinePowerStatePoweredOff
	m.setTools(!wanted.WithoutTools)
	m.Config.HotPlugMemoryIncrementSize = incrementMib
	m.changed()
	simulator.Map.Put(m)
	if !wanted.Off {
		m.started()
	}
	return m
}

func (m *machine) setTools(running bool) {
	status := types.VirtualMachineToolsRunningStatusGuestToolsNotRunning
	if running {
		status = types.VirtualMachineToolsRunningStatusGuestToolsRunning
	}
	m.Guest.ToolsRunningStatus = string(status)
	m.Summary.Guest.ToolsRunningStatus = string(status)
}

func (m *machine) changed() {
	count := atomic.AddInt64(&changes, 1)
	m.Config.ChangeVersion = fmt.Sprintf("%s.%06d", time.Now().UTC().Format("2006-01-02T15:04:05"), count)
}

func (m *machine) on() bool {
	return m.Runtime.PowerState == types.VirtualMachinePowerStatePoweredOn
}

func (m *machine) linux() bool {
	return m.Guest.GuestFamily == string(types.VirtualMachineGuestOsFamilyLinuxGuest)
}

// The limit of hot-added memory is set at power on: 16 times what it booted with.
func (m *machine) started() {
	now := time.Now()
	ram := int64(m.Config.Hardware.MemoryMB)
	m.Config.HotPlugMemoryLimit = 16 * ram
	if m.linux() && ram <= linuxLimitMib {
		m.Config.HotPlugMemoryLimit = linuxLimitMib
	}
	m.Runtime.BootTime, m.Summary.Runtime.BootTime = &now, &now
	m.asked = false
	simulator.Map.Update(m, []types.PropertyChange{
		{Name: "runtime.powerState", Val: types.VirtualMachinePowerStatePoweredOn},
		{Name: "summary.runtime.powerState", Val: types.VirtualMachinePowerStatePoweredOn},
	})
}

func (m *machine) stopped() {
	for _, ref := range m.Datastore {
		simulator.Map.Get(ref).(*simulator.Datastore).Summary.FreeSpace += m.swap
		break
	}
	m.swap, m.asked = 0, false
	m.Runtime.BootTime, m.Summary.Runtime.BootTime = nil, nil
	simulator.Map.Update(m, []types.PropertyChange{
		{Name: "runtime.powerState", Val: types.VirtualMachinePowerStatePoweredOff},
		{Name: "summary.runtime.powerState", Val: types.VirtualMachinePowerStatePoweredOff},
	})
}

// A task of the machine, ended at once, or later and perhaps badly where a fault was ordered.
func (m *machine) task(method, id string, work func() types.BaseMethodFault) types.ManagedObjectReference {
	ordered := m.world.take(method, m.Name, true)
	task := simulator.CreateTask(m, id, func(*simulator.Task) (types.AnyType, types.BaseMethodFault) {
		if ordered != nil && ordered.Fault != "" {
			return nil, ordered.value()
		}
		return nil, work()
	})
	if ordered == nil || ordered.SlowS == 0 {
		return task.Run()
	}
	simulator.Map.Update(task, []types.PropertyChange{{Name: "info.state", Val: types.TaskInfoStateRunning}})
	go func() {
		for tenth := int32(1); tenth < 10; tenth++ {
			time.Sleep(time.Duration(ordered.SlowS * float64(time.Second) / 10))
			simulator.Map.Update(task, []types.PropertyChange{{Name: "info.progress", Val: 10 * tenth}})
		}
		simulator.Map.WithLock(m, func() { task.Run() })
	}()
	return task.Self
}

// PowerOnVMTask needs room for the swap file, and unreserved memory for what is reserved.
func (m *machine) PowerOnVMTask(_ *simulator.Context, _ *types.PowerOnVM_Task) soap.HasFault {
	ref := m.task("PowerOnVM_Task", "powerOn", func() types.BaseMethodFault {
		if m.on() {
			return &types.InvalidPowerState{
				RequestedState: types.VirtualMachinePowerStatePoweredOn, ExistingState: m.Runtime.PowerState,
			}
		}
		reserved := *m.Config.MemoryAllocation.Reservation
		if free := m.world.unreserved(*m.Runtime.Host); reserved > free {
			return &types.InsufficientMemoryResourcesFault{Unreserved: free << 20, Requested: reserved << 20}
		}
		swap := (int64(m.Config.Hardware.MemoryMB) - reserved) << 20
		for _, ref := range m.Datastore {
			datastore := simulator.Map.Get(ref).(*simulator.Datastore)
			if swap > datastore.Summary.FreeSpace {
				return &types.NoDiskSpace{Datastore: datastore.Name}
			}
			datastore.Summary.FreeSpace -= swap
			m.swap = swap
			break
		}
		m.started()
		return nil
	})
	return &methods.PowerOnVM_TaskBody{Res: &types.PowerOnVM_TaskResponse{Returnval: ref}}
}

// PowerOffVMTask is the hard one: it is served, so that a test can see that nobody called it.
func (m *machine) PowerOffVMTask(_ *simulator.Context, _ *types.PowerOffVM_Task) soap.HasFault {
	ref := m.task("PowerOffVM_Task", "powerOff", func() types.BaseMethodFault {
		if !m.on() {
			return &types.InvalidPowerState{
				RequestedState: types.VirtualMachinePowerStatePoweredOff, ExistingState: m.Runtime.PowerState,
			}
		}
		m.stopped()
		return nil
	})
	return &methods.PowerOffVM_TaskBody{Res: &types.PowerOffVM_TaskResponse{Returnval: ref}}
}

// ShutdownGuest returns at once; the guest is off when it is off.
func (m *machine) ShutdownGuest(_ *simulator.Context, _ *types.ShutdownGuest) soap.HasFault {
	body := &methods.ShutdownGuestBody{}
	switch {
	case !m.on():
		body.Fault_ = simulator.Fault("", &types.InvalidPowerState{
			RequestedState: types.VirtualMachinePowerStatePoweredOn, ExistingState: m.Runtime.PowerState,
		})
		return body
	case m.Guest.ToolsRunningStatus != string(types.VirtualMachineToolsRunningStatusGuestToolsRunning):
		body.Fault_ = simulator.Fault("", &types.ToolsUnavailable{})
		return body
	}
	body.Res = new(types.ShutdownGuestResponse)
	m.asked = true
	if m.shutdown == 0 {
		m.stopped()
	} else if m.shutdown > 0 {
		boot := m.Runtime.BootTime
		time.AfterFunc(m.shutdown, func() {
			simulator.Map.WithLock(m, func() {
				// Asked twice, it goes off once: what was started since is another boot.
				if m.on() && m.Runtime.BootTime == boot {
					m.stopped()
				}
			})
		})
	}
	return body
}

// ReconfigVMTask holds to the change version and to what may change while it runs.
func (m *machine) ReconfigVMTask(_ *simulator.Context, req *types.ReconfigVM_Task) soap.HasFault {
	ref := m.task("ReconfigVM_Task", "reconfigVm", func() types.BaseMethodFault {
		if fault := m.refusal(&req.Spec); fault != nil {
			return fault
		}
		m.apply(&req.Spec)
		m.changed()
		return nil
	})
	return &methods.ReconfigVM_TaskBody{Res: &types.ReconfigVM_TaskResponse{Returnval: ref}}
}

func (m *machine) refusal(spec *types.VirtualMachineConfigSpec) types.BaseMethodFault {
	if spec.ChangeVersion != "" && spec.ChangeVersion != m.Config.ChangeVersion {
		return &types.ConcurrentAccess{}
	}
	if spec.NumCPUs < 0 || spec.NumCPUs > mostVcpus {
		return &types.NumVirtualCpusNotSupported{MaxSupportedVcpusDest: mostVcpus, NumCpuVm: spec.NumCPUs}
	}
	if spec.MemoryMB < 0 || spec.MemoryMB > mostRamMib || spec.MemoryMB%4 != 0 {
		return &types.InvalidArgument{InvalidProperty: "configSpec.memoryMB"}
	}
	if m.on() {
		return m.hotRefusal(spec)
	}
	return nil
}

func (m *machine) hotRefusal(spec *types.VirtualMachineConfigSpec) types.BaseMethodFault {
	running := &types.InvalidPowerState{
		RequestedState: types.VirtualMachinePowerStatePoweredOff, ExistingState: m.Runtime.PowerState,
	}
	hardware := m.Config.Hardware
	if spec.NumCPUs != 0 && spec.NumCPUs != hardware.NumCPU {
		if spec.NumCPUs < hardware.NumCPU || m.Config.CpuHotAddEnabled == nil || !*m.Config.CpuHotAddEnabled {
			return &types.CpuHotPlugNotSupported{}
		}
		if spec.NumCPUs%hardware.NumCoresPerSocket != 0 {
			return &types.InvalidArgument{InvalidProperty: "configSpec.numCPUs"}
		}
	}
	if ram := int64(hardware.MemoryMB); spec.MemoryMB != 0 && spec.MemoryMB != ram {
		if spec.MemoryMB < ram || m.Config.MemoryHotAddEnabled == nil || !*m.Config.MemoryHotAddEnabled {
			return &types.MemoryHotPlugNotSupported{}
		}
		if spec.MemoryMB > m.Config.HotPlugMemoryLimit || (spec.MemoryMB-ram)%incrementMib != 0 {
			return &types.MemorySizeNotSupported{MemorySizeMB: int32(spec.MemoryMB)}
		}
	}
	// Sent at all, cores per socket stop a hot add.
	if spec.NumCoresPerSocket != 0 || spec.CpuHotAddEnabled != nil || spec.MemoryHotAddEnabled != nil {
		return running
	}
	return nil
}

func (m *machine) apply(spec *types.VirtualMachineConfigSpec) {
	if spec.NumCPUs != 0 {
		m.Config.Hardware.NumCPU, m.Summary.Config.NumCpu = spec.NumCPUs, spec.NumCPUs
	}
	if spec.MemoryMB != 0 {
		m.Config.Hardware.MemoryMB, m.Summary.Config.MemorySizeMB = int32(spec.MemoryMB), int32(spec.MemoryMB)
	}
	if spec.NumCoresPerSocket != 0 {
		m.Config.Hardware.NumCoresPerSocket = spec.NumCoresPerSocket
	}
	if spec.CpuHotAddEnabled != nil {
		m.Config.CpuHotAddEnabled = spec.CpuHotAddEnabled
	}
	if spec.MemoryHotAddEnabled != nil {
		m.Config.MemoryHotAddEnabled = spec.MemoryHotAddEnabled
	}
	if spec.Annotation != "" {
		m.Config.Annotation = spec.Annotation
	}
}

// Memory of the host, in MiB, that no running machine has reserved.
func (w *world) unreserved(host types.ManagedObjectReference) int64 {
	free := simulator.Map.Get(host).(*simulator.HostSystem).Summary.Hardware.MemorySize >> 20
	for _, each := range w.machines {
		if each.Config != nil && each.on() && *each.Runtime.Host == host {
			free -= *each.Config.MemoryAllocation.Reservation
		}
	}
	return free
}
