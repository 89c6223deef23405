#!/bin/bash
#SBATCH --job-name=lightune-imdb
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=32
#SBATCH --gpus-per-node=4
#SBATCH --time=12:00:00
#SBATCH --exclusive
#SBATCH --output=%x-%j.log
#SBATCH --open-mode=append
#SBATCH --requeue
# Many arms: each arm and seed is a task of a Ray cluster, which lives inside this job.
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
export RAY_USAGE_STATS_ENABLED=0

# A password for Ray's ports, of this job alone: without one, whoever reaches them can run programs as you.
export RAY_AUTH_MODE=token
RAY_AUTH_TOKEN=$(python -c 'import secrets; print(secrets.token_hex(32))')
export RAY_AUTH_TOKEN

# Ray's head is the job's first node. One Ray a node: hence --exclusive above.
nodes=$(scontrol show hostnames "$SLURM_JOB_NODELIST")
head=${nodes%%$'\n'*}
address=$head:6379

# Starts Ray on each node, waits for all of them, runs the study on the first, and stops Ray.
exec srun --kill-on-bad-exit=1 --cpus-per-task=32 \
    ray symmetric-run \
    --address "$address" \
    --min-nodes 2 \
    --num-cpus=32 \
    --num-gpus=4 \
    --include-dashboard=false \
    -- \
    lightune study \
    --config=study.yaml \
    --out=runs/imdb \
    --executor=ray \
    --address="$address"
