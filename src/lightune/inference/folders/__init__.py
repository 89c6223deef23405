"""Folders of Parquet files, part by part, here or on a cluster."""

from lightune.inference.folders.on_ray import Workers, ray_engine
from lightune.inference.folders.output import Counts
from lightune.inference.folders.predict import predict_folder
from lightune.inference.folders.request import FolderRequest

__all__ = ["Counts", "FolderRequest", "Workers", "predict_folder", "ray_engine"]
