#!/bin/bash
#SBATCH --job-name=lightune-imdb
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=32
#SBATCH --gpus-per-node=4
#SBATCH --time=12:00:00
#SBATCH --output=%x-%j.log
#SBATCH --open-mode=append
#SBATCH --requeue
# One run at a time: each training takes the devices of all nodes together, by torchrun.
# Written by `lightune render`. Try it with `sbatch --test-only THIS_FILE`, submit it with `sbatch THIS_FILE`, in the
# folder that the relative paths in it start from. Submitted again it goes on from what is done: after the time limit,
# a lost node, or with another number of nodes.
#
# What to change:
# - The lines #SBATCH above: your cluster's --partition, --account and --qos; --time, if it is missing.
# - The lines under "Environment" below.
# - All nodes read and write the study's folder, so it lies on a file system that they share. So do these, which the
#   study reads (a hub's id is read from the cache of the hub, or from the hub):
#     model.source: "gpt2"
#     data.source: "imdb"
# - Secrets stay out of this file. A model or data set that the hub keeps back needs HF_TOKEN: log in once by
#   `hf auth login`, or `export HF_TOKEN` in the shell that submits.
set -euo pipefail

# Environment
# source /shared/venvs/lightune/bin/activate  # the same on all nodes; not needed where it is active on submitting
# export HF_HOME=/shared/huggingface          # one cache of the hub for all nodes
# export HF_HUB_OFFLINE=1                     # nodes without a way to the hub: first fetch all by `hf download`
# export NCCL_SOCKET_IFNAME=ib0               # nodes with several networks: the fast one
export OMP_NUM_THREADS=8

# The processes meet on the job's first node, at a port of this job's own.
nodes=$(scontrol show hostnames "$SLURM_JOB_NODELIST")
head=${nodes%%$'\n'*}
port=$((20000 + SLURM_JOB_ID % 10000))

# One torchrun on each node. Where one ends badly, srun ends the others.
exec srun --kill-on-bad-exit=1 --cpus-per-task=32 \
    torchrun \
    --nnodes=2 \
    --nproc-per-node=4 \
    --rdzv-backend=c10d \
    --rdzv-endpoint="$head:$port" \
    --rdzv-id="$SLURM_JOB_ID" \
    -m lightune study \
    --config=study.yaml \
    --out=runs/imdb
